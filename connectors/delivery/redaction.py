"""Vendors' words made fit to be written down: bounded, without secrets or people's data."""

from __future__ import annotations

import re
from collections.abc import Iterable

BOUND = 300
"""Characters kept of a message."""
_MAIL = re.compile(r"[\w.+-]{1,64}(?: ?@|%40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_PHONE = re.compile(r"\+?\d[\d ().-]{6,}\d")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """At most BOUND characters, with e-mail addresses, phone numbers and secrets masked."""
    if not text:
        return ""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    text = _MAIL.sub("[email]", text[: 4 * BOUND])
    text = _PHONE.sub("[phone]", text)
    return text if len(text) <= BOUND else text[: BOUND - 1] + "…"
