"""The operators' side: operations on what is kept, and the listener that offers them.

Operations know no HTTP: commands call the same ones on the files when no server runs.
"""
