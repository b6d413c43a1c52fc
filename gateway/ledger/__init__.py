"""The queryable record: written from the log, read by commands and calls."""
