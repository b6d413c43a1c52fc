"""HTTP/1.1 as the dialects' listener speaks it: aiohttp's parser and streams, without the
application, router and responses above them, which take more of a call than all it is about.

Everything a stranger can do to a connection is bounded here.
"""
