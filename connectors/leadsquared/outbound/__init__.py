"""LeadSquared's client, played by us: its `settings`, the `connector` with its conversations,
`bulk` calls, and `judging` of what comes back. Pure.
"""
