"""Texts with a form of their own, checked where they are written."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator

from gateway.settings.conditions import condition
from gateway.settings.problems import nearest


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


def _base_url(text: str) -> str:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None
    if url.scheme not in {"http", "https"} or not host:
        raise ValueError("should begin with http:// or https:// and a host")
    if url.username is not None or url.query or url.fragment:
        raise ValueError("should be scheme, host and optional prefix, and nothing else")
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
Start = Annotated[str, AfterValidator(_start)]
"""`beginning`, `end`, or an RFC 3339 time."""
Condition = Annotated[str, AfterValidator(condition)]
"""A CEL condition over an event."""
