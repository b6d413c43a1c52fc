"""Measurements: leadwire beside bare programs that do the same I/O. `make bench`."""
