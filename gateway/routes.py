"""Which connectors get an event, whose outcome answers its caller: decided once, on accepting.

Routes are evaluated in order. The connectors of all that match are joined; the first match with
an authority for the dialect decides who answers and when the others send. A condition that is
just `true` costs nothing: a tenant with no other has one decision per dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from gateway.model.changes import Changes, change_to_json
from gateway.model.event import Attributes, Followers, LeadId, Origin, TriggerWishes
from gateway.settings.model import RouteSettings

if TYPE_CHECKING:
    from gateway.conditions import Condition

ALWAYS = "true"
"""The condition that costs nothing."""

OnError: TypeAlias = Callable[[str, str], None]
"""A route's name, and why its condition could not be evaluated; holds nothing of the event."""


class Routable(Protocol):
    """What conditions speak of; a `LeadUpdate` is one."""

    @property
    def tenant(self) -> str:
        """Whose lead."""

    @property
    def ids(self) -> tuple[LeadId, ...]:
        """The lead's ids."""

    @property
    def changes(self) -> Changes:
        """What the caller asked of canonical fields."""

    @property
    def attributes(self) -> Attributes:
        """What has no canonical field."""

    @property
    def triggers(self) -> TriggerWishes:
        """What automations should hear."""

    @property
    def origin(self) -> Origin:
        """Where it came from."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the routes say of one event. No connector: the event is unrouted."""

    connectors: tuple[str, ...]
    """In the order of the routes, each once."""
    authority: str | None
    """Whose outcome answers the caller; None: the caller is answered when the event is safe."""
    followers: Followers
    """When the others send."""
    matched: tuple[str, ...]
    """Names of the routes that matched, in order."""


class Considered(NamedTuple):
    """What became of one route."""

    name: str
    when: str
    """Its condition."""
    connectors: tuple[str, ...]
    why_not: str
    """Why it does not match; empty where it does."""


def context(update: Routable) -> dict[str, object]:
    """The event as conditions see it: `tenant`, `dialect`, `lead` (a list of ids), `changes`,
    `attributes` (the patch), `triggers`, `origin`. A field the caller left out is absent, so a
    condition asks `has(changes.disposition)` or `'phones.primary' in changes` first."""
    origin = update.origin
    return {
        "tenant": update.tenant,
        "dialect": origin.dialect,
        "lead": [{"system": i.system, "id": i.id, "scope": dict(i.scope)} for i in update.ids],
        "changes": {name: change_to_json(change) for name, change in update.changes.items()},
        "attributes": update.attributes.patch,
        "triggers": {
            "post_updated_lead": update.triggers.post_updated_lead,
            "disposition_actions": update.triggers.disposition_actions,
        },
        "origin": {
            "dialect": origin.dialect,
            "operation": origin.operation,
            "system": origin.system,
            "batch": origin.batch,
            "scope": origin.scope,
            "names": origin.names,
        },
    }


@dataclass(frozen=True, slots=True)
class _Route:
    settings: RouteSettings
    condition: Condition | None
    """None: it always matches."""


class Routes:
    """The configured routes, compiled."""

    def __init__(
        self,
        routes: Sequence[RouteSettings],
        tenants: Collection[str],
        on_error: OnError = lambda _route, _message: None,
    ) -> None:
        """Compile every condition once; raises ValueError for one that is not CEL.

        A route without a tenant is every tenant's.
        """
        ready = [_Route(route, _condition(route, on_error)) for route in routes]
        self._routes: dict[str, tuple[_Route, ...]] = {
            tenant: tuple(r for r in ready if r.settings.tenant in {None, tenant})
            for tenant in tenants
        }
        self._constant = frozenset(
            tenant
            for tenant, own in self._routes.items()
            if all(route.condition is None for route in own)
        )
        self._names = {
            tenant: frozenset(n for route in own if route.condition for n in route.condition.names)
            for tenant, own in self._routes.items()
        }
        self._decided: dict[tuple[str, str], Decision] = {}

    def decide(self, update: Routable) -> Decision:
        """Who gets this update. A tenant that is not configured has no routes."""
        tenant, dialect = update.tenant, update.origin.dialect
        routes = self._routes.get(tenant, ())
        if tenant not in self._constant:
            event = context(update)
            return _joined(_matching(routes, event, self._names.get(tenant, ())), dialect)
        decision = self._decided.get((tenant, dialect))
        if decision is None:
            decision = _joined(routes, dialect)
            self._decided[tenant, dialect] = decision
        return decision

    def consider(self, update: Routable) -> tuple[Considered, ...]:
        """The tenant's routes in order, each with why it does not match this update."""
        event = context(update)
        return tuple(
            Considered(
                route.settings.name,
                route.settings.when,
                tuple(route.settings.connectors),
                "" if route.condition is None else route.condition.why_not(event),
            )
            for route in self._routes.get(update.tenant, ())
        )


def _condition(route: RouteSettings, on_error: OnError) -> Condition | None:
    if route.when.strip() == ALWAYS:
        return None
    from gateway.conditions import Condition  # noqa: PLC0415 - see that module's docstring

    return Condition(route.name, route.when, on_error)


def _matching(
    routes: Sequence[_Route], event: Mapping[str, object], names: Collection[str]
) -> list[_Route]:
    from gateway.conditions import prepared  # noqa: PLC0415 - as above

    ready = prepared(event, names)
    return [r for r in routes if r.condition is None or r.condition.holds(ready)]


def _joined(matched: Sequence[_Route], dialect: str) -> Decision:
    routes = [route.settings for route in matched]
    connectors = dict.fromkeys(name for route in routes for name in route.connectors)
    deciding = next((route for route in routes if _authority(route, dialect)), None)
    first = deciding or next(iter(routes), None)
    return Decision(
        connectors=tuple(connectors),
        authority=_authority(deciding, dialect) if deciding else None,
        followers=first.followers if first else "at_once",
        matched=tuple(route.name for route in routes),
    )


def _authority(route: RouteSettings, dialect: str) -> str | None:
    return route.authority.get(dialect) or route.authority.get("default")
