"""How answers are read, however their bytes are cut."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport.answers import HEAD_BYTES, AnswerReader, Unreadable
from gateway.transport.port import HttpResponse

MOST = 1000
JSON = {"content-type": "application/json"}
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n"
)
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\nhello"


def read(*parts: bytes, bare: bool = False, closed: bool = False) -> HttpResponse | None:
    """The answer to one request that comes in these parts."""
    reader = AnswerReader(MOST)
    reader.expect(bare=bare)
    for part in parts:
        answer = reader.feed(part)
        if answer is not None:
            return answer
    return reader.end() if closed else None


def packed(coding: str, body: bytes) -> bytes:
    """A whole answer with a body in this coding."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@given(st.lists(st.integers(1, len(CHUNKED) - 1), max_size=6), st.sampled_from([LENGTH, CHUNKED]))
def test_cuts_change_nothing(cuts: list[int], whole: bytes) -> None:
    """An answer is the same in one part, or in many."""
    places = [0, *sorted(cut for cut in set(cuts) if cut < len(whole)), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(places)]
    answer = read(*parts)
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["content-type"] == "application/json"


def test_a_body_may_end_with_its_connection() -> None:
    """Where the answer says nothing of its length (RFC 9112, section 6.3)."""
    assert read(UNTIL_CLOSED) is None
    assert read(UNTIL_CLOSED, closed=True) == HttpResponse(200, JSON, b"hello")


@pytest.mark.parametrize("whole", [LENGTH, CHUNKED])
def test_one_that_was_cut_short_is_none(whole: bytes) -> None:
    """Its end was announced and did not come."""
    assert read(whole[:-1], closed=True) is None
    assert read(b"", closed=True) is None


def test_headers_alone_answer_head() -> None:
    """The length they tell of is that of what was not sent."""
    expected = {**JSON, "content-length": "5"}
    assert read(LENGTH[:-5], bare=True) == HttpResponse(200, expected, b"")


@pytest.mark.parametrize(
    ("answer", "keeps"),
    [
        (LENGTH, True),
        (CHUNKED, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (LENGTH + b"HTTP/1.1 500 No\r\n", False),
        (LENGTH + b"\x00garbage", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 1500, False),
    ],
)
def test_what_may_be_used_again(answer: bytes, keeps: bool) -> None:
    """A connection on which all was said, and that is to stay."""
    reader = AnswerReader(MOST)
    reader.expect(bare=False)
    assert reader.feed(answer) is not None
    assert reader.usable is keeps


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(("gzip", gzip.compress(b"hello")), id="gzip"),
        pytest.param(("x-gzip", gzip.compress(b"he") + gzip.compress(b"llo")), id="two members"),
        pytest.param(("deflate", zlib.compress(b"hello")), id="deflate"),
        pytest.param(("Deflate", zlib.compress(b"hello", wbits=-15)), id="deflate without zlib"),
        pytest.param(("identity", b"hello"), id="identity"),
    ],
)
def test_a_body_is_unpacked(body: tuple[str, bytes]) -> None:
    """By the codings that we say we read, and one that is none."""
    answer = read(packed(*body))
    assert answer is not None
    assert answer.body == b"hello"


@pytest.mark.parametrize(
    "body", [("gzip", gzip.compress(b"hello")[:-9]), ("gzip", b"hello"), ("br", b"hello")]
)
def test_one_that_cannot_be_unpacked_is_unreadable(body: tuple[str, bytes]) -> None:
    """Half of it, none of it, and a coding that we don't say we read."""
    with pytest.raises(Unreadable, match="cannot be decompressed"):
        read(packed(*body))


def test_a_bomb_is_cut() -> None:
    """A megabyte in a kilobyte is kept up to the bound."""
    answer = read(packed("gzip", gzip.compress(b"x" * 1_000_000)))
    assert answer is not None
    assert answer.body == b"x" * MOST


@pytest.mark.parametrize(
    "line", [b"X-Long: " + b"x" * 999, b"X: 1\r\n" * 100], ids=["one header", "many headers"]
)
def test_a_head_without_end_is_unreadable(line: bytes) -> None:
    """It would fill the memory for as long as the request may take."""
    with pytest.raises(Unreadable, match="not HTTP"):
        read(b"HTTP/1.1 200 OK\r\n", *([line] * (HEAD_BYTES // len(line) + 1)))
