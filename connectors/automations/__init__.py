"""Rules over triggers, and what they do."""
