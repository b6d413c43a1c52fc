"""LeadSquared's record and the canonical event: `tables` between the words, `reading` a lead's
attributes, `rendering` them, and `outcomes` both ways. Pure.
"""
