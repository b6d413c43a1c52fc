"""A request whose head has come, and the way back to who sent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from aiohttp import HttpVersion11
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from gateway.dialect import Answer

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
REST = 65536
"""Bytes of a body that are still read after its request was answered, so that the connection can
be used again; one with more to come ends."""


class Way(Protocol):
    """What a request needs of its connection."""

    def tell(self, answer: Answer, fate: str, *, bare: bool) -> bool:
        """Write an answer; whether somebody was there to hear it."""

    def write(self, said: bytes) -> None:
        """Write these bytes, if somebody is there."""

    def last(self) -> bool:
        """Whether the connection is to end after this request."""


class Request:
    """One request. It is answered once."""

    __slots__ = ("_expects", "_message", "_way", "answered", "closes", "content", "headers")

    def __init__(self, message: RawRequestMessage, content: StreamReader, way: Way) -> None:
        """`content` is its body, as far as it has come."""
        self._message, self._way = message, way
        self.content = content
        self.headers: Mapping[str, str] = message.headers
        """Found in any case of their names."""
        self._expects = (
            "Expect" in self.headers
            and "100-continue" in self.headers["Expect"].lower()
            and message.version >= HttpVersion11
            and not content.is_eof()
        )
        self.answered = self.closes = False
        """Whether it was, and whether the connection ends after it."""

    @property
    def method(self) -> str:
        """In upper case."""
        return str(self._message.method)

    @property
    def target(self) -> tuple[str, str]:
        """Path and query, not decoded."""
        told: str = self._message.path
        if not told.startswith("/"):
            url = self._message.url
            return url.raw_path, url.raw_query_string
        path, _, query = told.partition("?")
        return path, query

    @property
    def length(self) -> int | None:
        """Bytes of the body as sent; None where only its end will tell."""
        told = self.headers.get("Content-Length")
        if told is not None:
            return int(told)
        return None if self._message.chunked else 0

    def go_on(self) -> None:
        """Tell a client which waits for it that its body is wanted."""
        if self._expects:
            self._expects = False
            self._way.write(_CONTINUE)

    def answer(self, answer: Answer) -> bool:
        """Answer it; whether a connected client was there to hear it. Raises ValueError for a
        header that can't be written."""
        self.closes = self._message.should_close or self._way.last() or self._endless()
        fate = "close" if self.closes else ""
        if not fate and self._message.version < HttpVersion11:
            fate = "keep-alive"
        heard = self._way.tell(answer, fate, bare=self.method == "HEAD")
        self.answered = True
        return heard

    def _endless(self) -> bool:
        """Whether more of its body is to come than is worth reading, or none that can be told
        from what follows."""
        if self.content.is_eof():
            return False
        length = self.length
        return self._expects or length is None or length > REST
