"""Answers as they come in on a connection, read by llhttp (the parser of Node.js, by httptools).

aiohttp's own parser makes a stream for each body, which took four times as long as all of this:
a delivery's answer is a few dozen bytes that come at once.
"""

from __future__ import annotations

import zlib
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.transport.port import HttpResponse

HEAD_BYTES: Final = 65536
"""Most bytes of what comes before a body, or between its chunks; the time is bound elsewhere."""
UPGRADED: Final = 101
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
"""Content codings that we say we read."""


class Unreadable(Exception):
    """What came is no answer; the text says why, and holds nothing of it."""


class AnswerReader:
    """Reads the answers of one connection, one after the other."""

    __slots__ = (
        "_awaited",
        "_bare",
        "_body",
        "_complete",
        "_head",
        "_headers",
        "_keeps",
        "_long",
        "_most",
        "_parser",
        "_status",
        "usable",
    )

    def __init__(self, most: int) -> None:
        """`most`: bytes of a body that are kept, after decompression."""
        self._most = most
        self._parser = HttpResponseParser(self)
        self._awaited = self._bare = False
        self._clear()
        self.usable = True
        """Whether another request may go out: all that was said was the answer to the last."""

    def _clear(self) -> None:
        self._headers: dict[str, str] = {}
        self._body: bytes | bytearray = b""
        self._head = 0
        self._status = 0
        self._complete = self._keeps = self._long = False

    def expect(self, *, bare: bool) -> None:
        """A request goes out; a `bare` one's answer has no body."""
        self._awaited, self._bare = True, bare
        self._clear()

    def feed(self, data: bytes) -> HttpResponse | None:
        """What came; the answer, once it is whole or its body too long. Raises Unreadable."""
        if not self._awaited:
            self.usable = False
            return None
        self._head += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.usable = False
            return self._answer()
        except HttpParserError as error:
            if not self._complete:
                raise Unreadable("the answer is not HTTP") from error
            self.usable = False  # what follows the answer is not one
        if self._complete:
            self.usable = self.usable and self._keeps
            return self._answer()
        if self._long or (self._bare and self._status):
            self.usable = False
            return self._answer()
        if self._head > HEAD_BYTES:
            raise Unreadable("the answer is not HTTP")
        return None

    def end(self) -> HttpResponse | None:
        """The other side says no more; the answer, where that is its end (RFC 9112, section
        6.3). Raises Unreadable."""
        self.usable = False
        headers = self._headers
        framed = "content-length" in headers or "transfer-encoding" in headers
        if not self._awaited or not self._status or framed:
            return None
        return self._answer()

    def _answer(self) -> HttpResponse:
        self._awaited = False
        body, headers = self._body, self._headers
        if body:
            packed = headers.get("content-encoding", "").lower()
            if packed in _PACKED:
                body = unpacked(bytes(body), packed, self._most, cut=self._long)
            elif packed in {"", "identity"}:
                body = bytes(body[: self._most])
            else:
                raise Unreadable("the answer cannot be decompressed")
        return HttpResponse(self._status, headers, b"" if self._bare else bytes(body))

    def close(self) -> None:
        """Nothing more is read: parser and reader let go of each other."""
        del self._parser

    # --- called by the parser ---------------------------------------------------------------

    def on_message_begin(self) -> None:
        """One begins; after the answer it is nobody's."""
        if self._complete:
            self.usable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Names in lower case; a repeated header's values joined (RFC 9110 §5.3)."""
        if self._complete:
            return
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape")
        headers = self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """The final answer's status is known; those before it (100, 103) say nothing we ask
        for."""
        if self._complete:
            return
        status = self._parser.get_status_code()
        if status >= 200 or status == UPGRADED:
            self._status = status

    def on_body(self, data: bytes) -> None:
        """Part of the body; what is too long is passed over."""
        if self._complete:
            return
        self._head = 0
        if not self._body:
            self._body = data
        elif len(self._body) <= self._most:
            self._body = bytearray(self._body) if isinstance(self._body, bytes) else self._body
            self._body += data
        self._long = self._long or len(self._body) > self._most

    def on_message_complete(self) -> None:
        """One is whole."""
        if self._complete:
            return
        if self._status:
            self._complete, self._keeps = True, self._parser.should_keep_alive()
        else:
            self._clear()


def unpacked(body: bytes, coding: str, most: int, *, cut: bool) -> bytes:
    """A compressed body, at most so many bytes of it; `cut`: its end is missing. Raises
    Unreadable."""
    found = bytearray()
    while body and len(found) < most:
        reader = zlib.decompressobj(_window(body, coding))
        try:
            found += reader.decompress(body, most - len(found))
        except zlib.error as error:
            raise Unreadable("the answer cannot be decompressed") from error
        if not (reader.eof or cut or len(found) >= most):
            raise Unreadable("the answer cannot be decompressed")
        body = reader.unused_data if coding != "deflate" else b""
    return bytes(found)


def _window(body: bytes, coding: str) -> int:
    """Zlib's word for the form: some servers send `deflate` without its zlib wrapper (RFC 9110,
    section 8.4.1.2)."""
    if coding != "deflate":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if body[0] & 0xF == zlib.DEFLATED else -zlib.MAX_WBITS
