"""What is known about leads, callers, owners and deliveries: SQL written once, as operations."""
