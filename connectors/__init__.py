"""Deliver accepted lead updates to vendor backends: the engine, and one folder per vendor."""
