"""LeadSquared's server, played by us: the `credential`, the `dialect` with its checks and
refusals, `bulk` calls, and `status` and metrics calls. Pure.
"""
