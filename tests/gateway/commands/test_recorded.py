"""A call that is written down, read."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.commands.recorded import Unreadable, read

BODY = '{"njDisposition": "Sale"}'


def call(**changed: Any) -> dict[str, Any]:
    """What every form of it comes to."""
    headers = {"Host": "leadwire.example.com", "X-Key": "a: b"}
    return {"method": "PUT", "path": "/a?b=c", "headers": headers, "body": BODY, **changed}


HEAD = "PUT /a?b=c HTTP/1.1\nHost: leadwire.example.com\nX-Key: a: b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}\n{BODY}", call()),
        (f"{HEAD}\n{BODY}\n".replace("\n", "\r\n"), call()),
        (f"\n{HEAD}\n", call(body="")),
        (HEAD.rstrip(), call(body="")),
        (f"{HEAD}\nline one\n\nline two\n", call(body="line one\n\nline two")),
        (
            f"{HEAD}Content-Length: 4\n\n1234 and what an editor added\n",
            call(body="1234", headers={**call()["headers"], "Content-Length": "4"}),
        ),
        (
            f"{HEAD}\n{BODY}".replace("/a?", "https://leadwire.example.com/a?"),
            call(),
        ),
        (
            "* Connected to leadwire.example.com\n> PUT /a?b=c HTTP/1.1\n"
            "> Host: leadwire.example.com\n> X-Key: a: b\n>\n} [25 bytes data]\n"
            f"{BODY}\n< HTTP/1.1 200 OK\n< Server: x\n",
            call(),
        ),
        (
            '{"method":"PUT","path":"/a?b=c","headers":'
            '{"Host":"leadwire.example.com","X-Key":"a: b"},"body":"text"}',
            call(body="text"),
        ),
        (
            '{"path":"/a?b=c","body":{"a":[1]}}',
            call(method="POST", headers={}, body='{"a":[1]}'),
        ),
        ('{"path":"/a?b=c"}', call(method="POST", headers={}, body="")),
    ],
)
def test_a_call_is_read(text: str, expected: dict[str, Any]) -> None:
    """As proxies, `curl -v` and people write one."""
    assert read(text.encode()) == expected


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (b"", "the first line should be like: POST /path?query HTTP/1.1"),
        (b"hello", "the first line should be like: POST /path?query HTTP/1.1"),
        (b"> ", "the first line should be like: POST /path?query HTTP/1.1"),
        (b"GET / HTTP/1.1\nno header\n\n", "a header should be like Name: value, not 'no header'"),
        (b"GET / HTTP/1.1\n\n\xff", "the call is not UTF-8 text"),
        (b'{"headers":{}}', "the call has no path"),
        (b'{"path":"/","headers":[]}', "headers should be an object of texts"),
        (b'{"path":"/","url":"/"}', "a call has method, path, headers and body, and no 'url'"),
    ],
)
def test_what_is_no_call_says_why(given: bytes, why: str) -> None:
    """In one line."""
    with pytest.raises(Unreadable) as refused:
        read(given)
    assert str(refused.value) == why


def test_what_is_no_json_says_where() -> None:
    """By line and column."""
    with pytest.raises(Unreadable, match="line 1 column"):
        read(b'{"path":')
