"""Dialnexa's record and the canonical update: tables, reading, rendering, a lead shown."""
