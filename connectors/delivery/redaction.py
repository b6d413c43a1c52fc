"""Vendors' words made fit to be written down: bounded, without secrets or people's data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

import orjson

from gateway.settings.shown import MASK, masked_url
from gateway.transport.port import HttpRequest

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


SHORT = 8
"""A secret of fewer characters is masked only where it stands as a word: it may be part of one."""


def masked(request: HttpRequest, secrets: Iterable[str]) -> HttpRequest:
    """A request that may be shown: each secret is `***`, in whatever form it is written in a URL, a
    header or JSON. Whom it is about stays in it."""
    spelt = _spelt(secrets)
    url, headers, body = masked_url(request.url), request.headers, request.body
    if spelt is not None:
        url = spelt.sub(MASK, url)
        headers = tuple((name, spelt.sub(MASK, value)) for name, value in headers)
        found = spelt.sub(MASK, body.decode("utf-8", "surrogateescape"))
        body = found.encode("utf-8", "surrogateescape")
    return request._replace(url=url, headers=headers, body=body)


def _spelt(secrets: Iterable[str]) -> re.Pattern[str] | None:
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    return re.compile("|".join(map(_pattern, forms))) if forms else None


def _forms(secret: str) -> Iterator[str]:
    if secret:
        yield secret
        yield quote(secret, safe="")
        yield quote(secret)
        yield quote_plus(secret)
        yield orjson.dumps(secret).decode()[1:-1]


def _pattern(form: str) -> str:
    plain = re.escape(form)
    return plain if len(form) >= SHORT else rf"(?<!\w){plain}(?!\w)"


def _masked(found: re.Match[str]) -> str:
    return found[0] if _ADDRESS.fullmatch(found[0]) else "[phone]"
