"""Sending HTTP requests: a port of one method, and its aiohttp adapter."""
