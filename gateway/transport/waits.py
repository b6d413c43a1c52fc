"""How long an answer asks its caller to wait. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from gateway.transport.port import HttpResponse

LONGEST_WAIT = 3600.0
"""Seconds that are waited at most, whatever was said: a slip of the other side must end."""


def asked_wait(response: HttpResponse, now: float | None = None) -> float | None:
    """Seconds, of `Retry-After` (RFC 9110 §10.2.3) or else of `X-RateLimit-Reset` in unix seconds;
    None where neither says it. A moment is counted from the answer's own `Date`, else from `now`
    (unix seconds), so that the two clocks need not agree."""
    headers = response.headers
    said = headers.get("retry-after", "").strip()
    if _is_number(said):
        return min(float(said), LONGEST_WAIT)
    sent = _moment(headers.get("date", ""))
    sent = now if sent is None else sent
    reset = headers.get("x-ratelimit-reset", "").strip()
    until = _moment(said) or (float(reset) if _is_number(reset) else None)
    if sent is None or until is None:
        return None
    return min(max(until - sent, 0.0), LONGEST_WAIT)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _moment(text: str) -> float | None:
    """Unix seconds of an HTTP date."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
