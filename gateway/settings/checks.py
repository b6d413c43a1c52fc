"""What no single setting can know: whether the parts of a configuration go together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from pydantic import BaseModel, SecretStr

from gateway.settings.brokers import brokers
from gateway.settings.document import Document
from gateway.settings.model import ConnectorSettings, RouteSettings, Settings, TenantSettings
from gateway.settings.problems import Path, Problem, nearest

Finding: TypeAlias = tuple[Path, str]
"""A setting, and what is wrong with it."""

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


class Window(Protocol):
    """A rate limit."""

    @property
    def requests(self) -> int:
        """Calls in any window."""

    @property
    def per(self) -> float:
        """Length of the window in seconds."""


DocumentedLimits: TypeAlias = Callable[
    [str, ConnectorSettings, Mapping[str, TenantSettings]], Sequence[Window]
]
"""Name and settings of a connector, and the tenants, to the limits its vendor documents."""


def no_limits(
    name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
) -> Sequence[Window]:
    """No vendor documents a limit."""
    del name, settings, tenants
    return ()


def check(
    document: Document,
    settings: Settings,
    dialects: Sequence[str],
    documented_limits: DocumentedLimits,
) -> None:
    """Note in the document every problem between the parts of valid settings."""
    findings = (
        *_places(settings),
        *_names(settings),
        *_keys(settings),
        *_connectors(settings, documented_limits),
        *_routes(settings, dialects),
    )
    for path, text in findings:
        document.complain(path, text)


# --- log and store ------------------------------------------------------------------------


def _places(settings: Settings) -> Iterator[Finding]:
    log, store = settings.log.url, settings.store.url
    log_kind, store_kind = kind_of(log), kind_of(store)
    if log_kind == "kafka":
        yield from _cluster(settings)
    elif log_kind != "sqlite":
        yield ("log", "url"), "should be sqlite:PATH or kafka://HOST:PORT"
    if store_kind not in {"sqlite", "postgresql"}:
        yield ("store", "url"), "should be sqlite:PATH or postgresql://HOST/DATABASE"
    for section, url in (("log", log), ("store", store)):
        path = url.removeprefix("sqlite:")
        if url.startswith("sqlite:") and (not path or path.startswith(("//", ":"))):
            yield (section, "url"), "should be sqlite:PATH, the path of a file"
    if log_kind == store_kind == "sqlite" and log != store:
        text = "an embedded log and store are one file, so that a settle is one transaction: "
        yield ("store", "url"), f"{text}write the same path as in log.url"
    if log_kind == "sqlite" and store_kind == "postgresql":
        text = "an embedded log is one process's, and a store of its own would gain it nothing: "
        yield ("store", "url"), f"{text}write the same path as in log.url, or a Kafka log there"


def kind_of(url: str) -> str:
    """What keeps what is at a `log.url` or `store.url`: `sqlite`, `kafka`, `postgresql`."""
    kind = url.partition(":")[0]
    return "postgresql" if kind == "postgres" else kind


def many_processes(settings: Settings) -> bool:
    """Whether several processes may share this log and store."""
    return (kind_of(settings.log.url), kind_of(settings.store.url)) == ("kafka", "postgresql")


def _cluster(settings: Settings) -> Iterator[Finding]:
    try:
        brokers(settings.log.url, settings.log.kafka)
    except ValueError as error:
        yield ("log", "url"), str(error)


# --- names and keys -----------------------------------------------------------------------


def _names(settings: Settings) -> Iterator[Finding]:
    for section, names in (("tenants", settings.tenants), ("connectors", settings.connectors)):
        for name in names:
            if not _NAME.match(name):
                yield (section, name), "a name is letters, digits and . _ - after the first"
    seen: dict[str, int] = {}
    for number, route in enumerate(settings.routes):
        first = seen.setdefault(route.name, number)
        if first != number:
            yield ("routes", number, "name"), f"routes[{first}] is called {route.name!r} too"


def secrets_of(model: BaseModel) -> tuple[tuple[str, str], ...]:
    """Name and text of every secret right in this group."""
    fields = ((name, getattr(model, name)) for name in type(model).model_fields)
    return tuple(
        (name, value.get_secret_value()) for name, value in fields if isinstance(value, SecretStr)
    )


def _keys(settings: Settings) -> Iterator[Finding]:
    """An empty key would let everybody in; the same key twice is two callers in one."""
    groups: list[tuple[Path, BaseModel]] = [(("admin",), settings.admin)]
    groups.append((("log", "kafka"), settings.log.kafka))
    groups += [(("connectors", name), group) for name, group in settings.connectors.items()]
    seen: dict[object, str] = {}
    for tenant, group in settings.tenants.items():
        for number, credential in enumerate(group.credentials):
            path: Path = ("tenants", tenant, "credentials", number)
            groups.append((path, credential))
            secrets = secrets_of(credential)
            here = f"tenants.{tenant}.credentials[{number}]"
            first = seen.setdefault((credential.dialect, secrets), here) if secrets else here
            if first != here:
                yield path, f"has the same secret as {first}, and the same dialect"
    for path, model in groups:
        for name, secret in secrets_of(model):
            if not secret:
                yield (*path, name), "is empty"


# --- connectors and routes ----------------------------------------------------------------


def _connectors(settings: Settings, documented_limits: DocumentedLimits) -> Iterator[Finding]:
    for name, connector in settings.connectors.items():
        if connector.shards == 1:
            continue
        limits: Sequence[Window] | None = connector.limits
        if limits is None:
            limits = documented_limits(name, connector, settings.tenants)
        if limits:
            text = "is for connectors without limits: each shard would take the whole limit"
            yield ("connectors", name, "shards"), text


def _routes(settings: Settings, dialects: Sequence[str]) -> Iterator[Finding]:
    for number, route in enumerate(settings.routes):
        path: Path = ("routes", number)
        if route.tenant is None and len(settings.tenants) > 1:
            yield (*path, "tenant"), "is required while more than one tenant is configured"
        if route.tenant is not None and route.tenant not in settings.tenants:
            known = nearest(route.tenant, settings.tenants)
            yield (*path, "tenant"), f"there is no tenant {route.tenant!r}{known}"
        for position, name in enumerate(route.connectors):
            if name not in settings.connectors:
                known = nearest(name, settings.connectors)
                yield (*path, "connectors", position), f"there is no connector {name!r}{known}"
        there = [name for name in route.connectors if name in settings.connectors]
        yield from _authority((*path, "authority"), route, there, dialects)
        yield from _followers(path, route, settings)


def _authority(
    path: Path, route: RouteSettings, there: Sequence[str], dialects: Sequence[str]
) -> Iterator[Finding]:
    """`there` are the route's connectors that exist: no other is worth naming."""
    for dialect, name in route.authority.items():
        if dialect not in {*dialects, "default"}:
            known = nearest(dialect, (*dialects, "default"))
            yield (*path, dialect), f"there is no dialect {dialect!r}{known}"
        if name not in route.connectors:
            known = nearest(name, there)
            yield (*path, dialect), f"{name!r} is no connector of this route{known}"


def _followers(path: Path, route: RouteSettings, settings: Settings) -> Iterator[Finding]:
    """A shadow applies nothing, so whoever waits for that would never send."""
    if route.followers != "after_authority":
        return
    for dialect, name in route.authority.items():
        connector = settings.connectors.get(name)
        if connector is not None and connector.mode == "shadow":
            text = f"{name!r} is a shadow and applies nothing: its followers would never send"
            yield (*path, "authority", dialect), text


def noted(document: Document, findings: Iterator[Finding]) -> tuple[Problem, ...]:
    """Findings with their places."""
    return tuple(Problem(document.place(path), path, text) for path, text in findings)
