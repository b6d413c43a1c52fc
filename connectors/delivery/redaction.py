"""Vendors' words made fit to be written down: bounded, without secrets or people's data."""

from __future__ import annotations

import re
from collections.abc import Iterable

BOUND = 300
"""Characters kept of a message."""
_MAIL = re.compile(r"[\w.+-]{1,64}(?: ?@|%40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_PHONE = re.compile(r"\+?\d[\d ().-]{6,}\d")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_ADDRESS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
"""An IPv4 address: which one could not be dialled is what an operator has to know."""


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """At most BOUND characters, with e-mail addresses, phone numbers and secrets masked."""
    if not text:
        return ""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    text = _MAIL.sub("[email]", text[: 4 * BOUND])
    text = _PHONE.sub(_masked, text)
    return text if len(text) <= BOUND else text[: BOUND - 1] + "…"


def _masked(found: re.Match[str]) -> str:
    return found[0] if _ADDRESS.fullmatch(found[0]) else "[phone]"
