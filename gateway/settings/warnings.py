"""What is allowed, and seldom meant."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from gateway.settings.checks import Finding
from gateway.settings.model import ConnectorSettings, Settings, TlsSettings
from gateway.settings.shapes import type_text

_IN_CLEAR = "plain http off loopback: keys and people's data go over the wire in the clear"


def is_loopback(host: str) -> bool:
    """Whether a listener or a URL's host stays on this machine; a name is not looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def warnings(settings: Settings) -> Iterator[Finding]:
    """What an operator should look at twice."""
    if not is_loopback(settings.admin.host) and settings.admin.token is None:
        text = "without admin.token the admin API refuses every call that comes in off loopback"
        yield ("admin", "host"), text
    for name, connector in settings.connectors.items():
        for setting, text in _urls(connector):
            url = urlsplit(text)
            if url.scheme == "http" and not is_loopback(url.hostname or ""):
                yield ("connectors", name, setting), _IN_CLEAR
        if all(name not in route.connectors for route in settings.routes):
            yield ("connectors", name), "no route names it, so it gets nothing"
    yield from _shadows(settings)
    yield from _tenants(settings)
    yield from _files(settings)


def _urls(connector: ConnectorSettings) -> Iterator[tuple[str, str]]:
    for name, field in type(connector).model_fields.items():
        value = getattr(connector, name)
        if value and type_text(field.annotation, tuple(field.metadata)) == "URL":
            yield name, value


def _shadows(settings: Settings) -> Iterator[Finding]:
    for number, route in enumerate(settings.routes):
        for dialect, name in route.authority.items():
            if settings.connectors[name].mode == "shadow":
                text = f"{name!r} is a shadow: its callers hear success, and nothing is sent"
                yield ("routes", number, "authority", dialect), text


def _tenants(settings: Settings) -> Iterator[Finding]:
    if not settings.tenants:
        yield ("tenants",), "none is configured, so nobody can call"
    for name, tenant in settings.tenants.items():
        if not tenant.credentials:
            yield ("tenants", name), "has no credentials, so nobody can call"
        longest = max((each.answer_within for each in tenant.credentials), default=0.0)
        if longest + settings.server.body_within > settings.server.call_within:
            text = "a call may take longer than server.call_within, which closes its connection"
            yield ("tenants", name), text
        if all(route.tenant not in {None, name} for route in settings.routes):
            yield ("tenants", name), "has no route, so its updates end as unrouted"


def _files(settings: Settings) -> Iterator[Finding]:
    listeners: tuple[tuple[str, TlsSettings | None], ...] = (
        ("server", settings.server.tls),
        ("admin", settings.admin.tls),
    )
    for section, tls in listeners:
        for name in ("cert", "key", "client_ca") if tls else ():
            file = getattr(tls, name)
            if file is not None and not FilePath(file).is_file():
                yield (section, "tls", name), f"there is no file {file}"
    if settings.automations is not None and not FilePath(settings.automations).is_file():
        yield ("automations",), f"there is no file {settings.automations}"
