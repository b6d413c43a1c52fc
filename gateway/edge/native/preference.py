"""What a caller prefers (RFC 7240): to wait for the outcome, or not."""

from __future__ import annotations

LONGEST = 60.0
"""Seconds that a call waits at most, whatever it prefers."""


def wait_of(prefer: str, configured: float | None) -> float | None:
    """Seconds a call waits for its outcome; None: it doesn't. `prefer` is the header, and
    `configured` what holds where it says nothing: what can't be read is passed over."""
    waits, answers_now = None, False
    for part in prefer.split(","):
        name, _, value = part.partition(";")[0].partition("=")
        word, text = name.strip().lower(), value.strip().strip('"').strip()
        if word == "wait" and waits is None and text.isascii() and text.isdecimal():
            waits = min(float(text[:9]), LONGEST)
        answers_now = answers_now or word == "respond-async"
    if waits is not None:
        return waits or None
    return None if answers_now else configured
