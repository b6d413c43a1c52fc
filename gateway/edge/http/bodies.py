"""Bodies of calls, bounded in size, time and pace, and unpacked no further than the bound."""

from __future__ import annotations

import asyncio
import zlib

from aiohttp import web

from gateway.dialect import Malformed, TooLarge
from gateway.edge.http.request import Request
from gateway.settings.model import ServerSettings

SLOW_START = 5.0
"""Seconds that a body has before its pace counts."""
MOST_VALUES = 50_000
"""Commas in a body."""
_GZIP, _ZLIB, _RAW = 31, 15, -15
"""zlib's names of the three wrappings. What HTTP calls deflate is the second, and some clients
send the third."""


async def read(request: Request, settings: ServerSettings) -> bytes | TooLarge | Malformed:
    """A call's body, unpacked."""
    limit = settings.max_body
    length = request.length
    if length is not None and length > limit:
        return TooLarge(limit)
    try:
        if request.content.is_eof():
            body: bytes | TooLarge = request.content.read_nowait()
        else:
            body = await _arriving(request, settings)
    except TimeoutError:
        return Malformed("the body did not come in time")
    except ConnectionError:
        return Malformed("the caller is gone")
    except web.RequestPayloadError as error:
        return Malformed(f"the body can't be read ({type(error).__name__})")
    if isinstance(body, TooLarge) or len(body) > limit:
        return TooLarge(limit)
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None:
        plain = unpacked(body, encoding, limit)
        if not isinstance(plain, bytes):
            return plain
        body = plain
    # What is read takes many times the bytes it has as text, and its makers' time.
    if len(body) > MOST_VALUES and body.count(b",") > MOST_VALUES:
        return Malformed("the body holds too many values")
    return body


async def _arriving(request: Request, settings: ServerSettings) -> bytes | TooLarge:
    """A body that is not all there. Raises TimeoutError where it is too slow."""
    request.go_on()
    limit, within = settings.max_body, settings.body_within
    start = min(SLOW_START, within)
    body = bytearray()
    async with asyncio.timeout(start) as bound:
        began = (bound.when() or 0.0) - start
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > limit:
                return TooLarge(limit)
            earned = start + len(body) / settings.body_pace
            bound.reschedule(began + min(within, earned))
    return bytes(body)


def unpacked(body: bytes, encoding: str, limit: int) -> bytes | TooLarge | Malformed:
    """A body as it was before `encoding` (a `Content-Encoding`), of at most `limit` bytes: no more
    are made, however many there would be."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            window = _GZIP
        case "deflate":
            window = _ZLIB if body[:1] and body[0] & 0x0F == 8 else _RAW
        case _:
            return Malformed("the body's Content-Encoding is not one that is read")
    unpacking = zlib.decompressobj(window)
    try:
        plain = unpacking.decompress(body, limit + 1)
    except zlib.error:
        return Malformed("the body can't be unpacked")
    if len(plain) > limit:
        return TooLarge(limit)
    if not unpacking.eof or unpacking.unused_data:
        return Malformed("the body can't be unpacked")
    return plain
