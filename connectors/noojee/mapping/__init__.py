"""Noojee's record and the canonical event: `tables` between the words, `reading` a call, and
`rendering` a body. Pure.
"""
