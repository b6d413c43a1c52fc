"""Accept lead updates in the vendors' own languages, normalise them, remember them."""

__version__ = "0.1.0"
