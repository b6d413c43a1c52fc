"""Texts with a form of their own, checked where they are written."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, ValidationInfo

from gateway.settings.conditions import condition
from gateway.settings.problems import nearest

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The last label of a host that is an address in one of its notations (WHATWG URL, "ends in a
number checker"); the C library reads more of them than others do."""


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        known = nearest(text, available_timezones())
        raise ValueError(f"{text!r} is no IANA time zone{known}") from None
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"is no CIDR range: {error}") from None
    return text


def _http_url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None
    if url.scheme not in {"http", "https"} or not host:
        raise ValueError("should begin with http:// or https:// and a host")
    return url


def _base_url(text: str) -> str:
    url = _http_url(text)
    if url.username is not None or url.query or url.fragment:
        raise ValueError("should be scheme, host and optional prefix, and nothing else")
    return text


def _whole_url(text: str) -> str:
    url = _http_url(text)
    if url.username is not None or "#" in text:
        raise ValueError("should have no user and no fragment")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("should be written in ASCII, anything else percent-encoded")
    if _is_odd(url.hostname or ""):
        raise ValueError("should have a name or a plain address (127.0.0.1) as host")
    return text


FIELD = re.compile(r"\$\{([^}]+)\}")
"""A place in a text that is filled in."""


def _url_template(text: str) -> str:
    _whole_url(FIELD.sub("field", text))
    host = text.partition("://")[2].partition("/")[0].partition("?")[0]
    if FIELD.search(host):
        raise ValueError("should name its host: only path and query are filled in")
    return text


def _is_odd(host: str) -> bool:
    """Whether a host is an IPv4 address in a notation of the C library's."""
    last = host.rstrip(".").rpartition(".")[2]
    if ":" in host or _NUMBER.fullmatch(last) is None:
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False


def _payload(text: str, info: ValidationInfo) -> str:
    known = (info.context or {}).get("payloads")
    if known is not None and text not in known:
        raise ValueError(f"there is no payload {text!r}; there are {', '.join(sorted(known))}")
    return text


def _start(text: str) -> str:
    if text in {"beginning", "end"}:
        return text
    try:
        zone = datetime.fromisoformat(text).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        raise ValueError("should be beginning, end, or a time with a zone (2026-01-31T08:00:00Z)")
    return text


Timezone = Annotated[str, AfterValidator(_timezone)]
"""The name of an IANA time zone."""
Network = Annotated[str, AfterValidator(_network)]
"""A CIDR range."""
BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""Scheme, host and optional prefix of an HTTP service."""
UrlTemplate = Annotated[str, AfterValidator(_url_template)]
"""A URL in whose path and query `${field}` stands for what the payload says of a field."""
WholeUrl = Annotated[str, AfterValidator(_whole_url)]
"""The URL that is called, with its path and its query."""
PayloadName = Annotated[str, AfterValidator(_payload)]
"""The name of a payload that a vendor exports; which there are is the validation's context."""
Start = Annotated[str, AfterValidator(_start)]
"""`beginning`, `end`, or an RFC 3339 time."""
Condition = Annotated[str, AfterValidator(condition)]
"""A CEL condition over an event."""
