"""How long an answer asks to wait."""

from __future__ import annotations

import pytest

from gateway.transport.port import HttpResponse
from gateway.transport.waits import asked_wait

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
SENT = 1_767_225_600.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 ", "x-ratelimit-reset": "1"}, 7.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"retry-after": "9" * 400}, 3600.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "\N{SUPERSCRIPT TWO}"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT", "date": DATE}, 60.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, None),
        ({"retry-after": "Wed, 31 Dec 2025 00:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Thu, 01 Jan 2099 00:00:00 GMT", "date": DATE}, 3600.0),
        ({"x-ratelimit-reset": str(int(SENT) + 90), "date": DATE}, 90.0),
        ({"x-ratelimit-reset": "60", "date": DATE}, 0.0),
        ({"x-ratelimit-reset": "what", "date": DATE}, None),
    ],
)
def test_what_an_answer_says_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """A number, or a moment by the answer's own clock; bounded."""
    assert asked_wait(HttpResponse(429, headers, b"")) == seconds


def test_an_answer_without_a_date_is_read_by_our_clock() -> None:
    """Where its caller has one."""
    moment = {"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}
    assert asked_wait(HttpResponse(429, moment, b""), SENT) == 60.0
