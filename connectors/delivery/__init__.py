"""The engine that delivers updates in order, at the vendor's pace; it knows no vendor."""
