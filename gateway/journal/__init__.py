"""Writes that touch the log and the store together: accepting a call, settling a delivery."""
