"""Which connectors get an event, whose outcome answers its caller: decided once, on accepting.

Routes are evaluated in order. The connectors of all that match are joined; the first match with
an authority for the dialect decides who answers and when the others send. A condition that is
just `true` costs nothing: a tenant with no other has one decision per dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import cel

from gateway.model.changes import Changes, change_to_json
from gateway.model.event import Attributes, Followers, LeadId, Origin, TriggerWishes
from gateway.settings.conditions import VARIABLES, compiled
from gateway.settings.model import RouteSettings

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


Event: TypeAlias = Mapping[str, object] | cel.Context
"""An event as `context` writes it, or the same made ready for CEL."""


def prepared(event: Mapping[str, object], names: Collection[str]) -> Event:
    """The named parts of an event, turned into CEL's values once for many conditions: that is
    by far the dearest part of an evaluation.

    A value that CEL has no room for (half of a surrogate pair) leaves the event as it is, so
    that conditions about its other parts still hold.
    """
    try:
        return cel.Context({name: event[name] for name in names})
    except _FAILURES:
        return event


class Condition:
    """A compiled condition. One that can't be evaluated does not hold, and says why once for
    each kind of reason."""

    def __init__(self, name: str, text: str, on_error: OnError) -> None:
        """Compile; raises ValueError. `name` is for `on_error`."""
        self.constant = text.strip() == "true"
        self._name = name
        self._program = compiled(text)
        self.names = VARIABLES.intersection(self._program.variables())
        self._on_error = on_error
        self._told: set[str] = set()

    def holds(self, event: Event) -> bool:
        """Whether it is true of an event, given as `context` or `prepared` writes it."""
        try:
            if not isinstance(event, cel.Context):
                event = cel.Context({name: event[name] for name in self.names})
            answer = self._program.execute(event)
        except _FAILURES as error:
            self._tell(_reason(error, self._program))
            return False
        if not isinstance(answer, bool):
            self._tell("its value is neither true nor false")
            return False
        return answer

    def _tell(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._on_error(self._name, reason)


_FAILURES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def _reason(error: Exception, program: cel.Program) -> str:
    """Why, in words that can't hold a value of the event."""
    if isinstance(error, KeyError):
        key = str(error.args[0]) if error.args else ""
        named = f"the key {key!r}" if key and key in program.source else "a key"
        return f"it reads {named}, which this event has not; ask has(…) first"
    if isinstance(error, TypeError):
        return "it compares or joins values of types that don't go together"
    return f"it could not be evaluated ({type(error).__name__})"


@dataclass(frozen=True, slots=True)
class _Route:
    settings: RouteSettings
    condition: Condition


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
        ready = [_Route(route, Condition(route.name, route.when, on_error)) for route in routes]
        self._routes: dict[str, tuple[_Route, ...]] = {
            tenant: tuple(r for r in ready if r.settings.tenant in {None, tenant})
            for tenant in tenants
        }
        self._constant = frozenset(
            tenant
            for tenant, own in self._routes.items()
            if all(route.condition.constant for route in own)
        )
        self._names = {
            tenant: frozenset(name for route in own for name in route.condition.names)
            for tenant, own in self._routes.items()
        }
        self._decided: dict[tuple[str, str], Decision] = {}

    def decide(self, update: Routable) -> Decision:
        """Who gets this update. A tenant that is not configured has no routes."""
        tenant, dialect = update.tenant, update.origin.dialect
        routes = self._routes.get(tenant, ())
        if tenant not in self._constant:
            event = prepared(context(update), self._names.get(tenant, ()))
            return _joined([r for r in routes if _matches(r, event)], dialect)
        decision = self._decided.get((tenant, dialect))
        if decision is None:
            decision = _joined(routes, dialect)
            self._decided[tenant, dialect] = decision
        return decision


def _matches(route: _Route, event: Event) -> bool:
    return route.condition.constant or route.condition.holds(event)


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
