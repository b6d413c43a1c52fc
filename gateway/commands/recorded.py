"""A call that somebody wrote down: raw HTTP/1.1 as proxies and `curl -v` print it, or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

_SENT = ">"
"""How `curl -v` begins a line of what it sends."""


class Unreadable(ValueError):
    """It is no call."""


def read(given: bytes) -> dict[str, Any]:
    """Method, path (with its query), headers and body of a call. Raises Unreadable."""
    try:
        text = given.decode()
    except UnicodeDecodeError:
        raise Unreadable("the call is not UTF-8 text") from None
    if text.lstrip().startswith("{"):
        return _of_json(text)
    return _of_http(text.lstrip("\r\n"))


def _of_json(text: str) -> dict[str, Any]:
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"the call is not JSON: {error}") from None
    strangers = told.keys() - {"method", "path", "headers", "body"}
    if strangers:
        name = min(strangers)
        raise Unreadable(f"a call has method, path, headers and body, and no {name!r}")
    path, headers, body = told.get("path"), told.get("headers", {}), told.get("body", "")
    if not isinstance(path, str) or not path:
        raise Unreadable("the call has no path")
    if not isinstance(headers, dict):
        raise Unreadable("headers should be an object of texts")
    sent = body if isinstance(body, str) else orjson.dumps(body).decode()
    method = str(told.get("method", "POST"))
    texts = {name: str(value) for name, value in headers.items()}
    return _call(method, path, texts, sent)


def _of_http(text: str) -> dict[str, Any]:
    head, body = _verbose(text) if text[:1] in {_SENT, "*"} else _parted(text)
    first, *lines = head
    words = first.split()
    if len(words) not in {2, 3} or not words[0].isalpha():
        raise Unreadable("the first line should be like: POST /path?query HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Unreadable(f"a header should be like Name: value, not {line[:40]!r}")
        headers.setdefault(name.strip(), value.strip())
    return _call(words[0], words[1], headers, _cut(body, headers))


def _parted(text: str) -> tuple[list[str], str]:
    """The lines of the head, and the body."""
    ends = [(at, mark) for mark in ("\r\n\r\n", "\n\n") if (at := text.find(mark)) >= 0]
    at, mark = min(ends, default=(len(text), ""))
    return text[:at].splitlines() or [""], text[at + len(mark) :]


def _verbose(text: str) -> tuple[list[str], str]:
    """The same of what `curl -v` prints; a body that was pasted after it is taken."""
    lines = text.splitlines()
    sent = [line[1:].strip() for line in lines if line.startswith(_SENT)]
    head = [line for line in sent if line]
    last = max((n for n, line in enumerate(lines) if line.startswith(_SENT)), default=-1)
    rest = lines[last + 1 :]
    # A body may begin with a brace as curl's own progress lines do, which have a word after it.
    body = [line for line in rest if not line.startswith(("* ", "< ", "{ [", "} ["))]
    return head or [""], "\n".join(body)


def _cut(body: str, headers: Mapping[str, str]) -> str:
    """Without what an editor put after the end."""
    told = {name.lower(): value for name, value in headers.items()}.get("content-length", "")
    if told.isascii() and told.isdecimal():
        whole = body.encode()
        if int(told) <= len(whole):
            return whole[: int(told)].decode("utf-8", "ignore")
    return body.rstrip("\r\n")


def _call(method: str, target: str, headers: Mapping[str, str], body: str) -> dict[str, Any]:
    if "://" in target.partition("?")[0]:
        parts = urlsplit(target)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return {"method": method, "path": target, "headers": dict(headers), "body": body}
