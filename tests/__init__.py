"""Tests of leadwire; the folders mirror the code."""
