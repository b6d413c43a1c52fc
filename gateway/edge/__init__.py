"""The HTTP face: the vendors' calls, the admin listener, health."""
