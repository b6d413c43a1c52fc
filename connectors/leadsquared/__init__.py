"""LeadSquared: its asynchronous and bulk lead updates, spoken in both directions."""
