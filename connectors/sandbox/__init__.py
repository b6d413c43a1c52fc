"""The host of fake vendor backends: one server, a prefix per vendor, faults, recorded calls."""
