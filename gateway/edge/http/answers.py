"""Answers as bytes."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from gateway.dialect import Answer

BODILESS = frozenset({204, 304})
"""Statuses whose answers have neither a body nor a length (RFC 9110, 8.6 and 15.4.5)."""


def rendered(answer: Answer, now: float, *, bare: bool, fate: str) -> bytes:
    """A whole answer at `now`, unix seconds; without its body where it is `bare` (to a HEAD
    request). `fate` is the Connection header, which may be empty. Raises ValueError for a header
    that would end before its value does."""
    head = [_head(answer.status, answer.content_type), "Date: ", _date(int(now)), "\r\n"]
    for name, value in answer.headers:
        if "\r" in value or "\n" in value or "\0" in value:
            raise ValueError(f"the value of {name} can't be a header's")
        head += (name, ": ", value, "\r\n")
    if fate:
        head += ("Connection: ", fate, "\r\n")
    if answer.status in BODILESS:
        head.append("\r\n")
        return "".join(head).encode()
    head.append(f"Content-Length: {len(answer.body)}\r\n\r\n")
    said = "".join(head).encode()
    return said if bare else said + answer.body


@lru_cache(maxsize=256)
def _head(status: int, content_type: str) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    typed = "" if status in BODILESS else f"Content-Type: {content_type}\r\n"
    return f"HTTP/1.1 {status} {phrase}\r\n{typed}"


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
