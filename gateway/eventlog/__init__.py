"""The durable log of events: partitioned, ordered, read by offset."""
