"""What a finished run left behind: what callers were told, what is in the log, what each vendor
received, verdicts and triggers.

Times are Unix seconds by the clock of the callers and the sandboxes, which is one; only
`Logged.at` is by the product's own, which a scenario may have set wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Update(NamedTuple):
    """An update as callers number it, by which it is found again at every vendor."""

    lead: str
    number: int


class Place(NamedTuple):
    """An update at a connector."""

    connector: str
    update: Update


class Duty(NamedTuple):
    """An event at a connector that it is routed to."""

    event: str
    connector: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that was answered 2xx."""

    update: Update
    dialect: str
    events: tuple[str, ...]
    """Ids of the events that the answer names."""
    began: float
    """When it was made for the first time; a retry is the same call."""
    ended: float


@dataclass(frozen=True, slots=True)
class Logged:
    """An event of the log."""

    event: str
    update: Update
    connectors: tuple[str, ...]
    authority: str | None = None
    fires: frozenset[str] = frozenset()
    """Triggers that its authority has to fire once it applied it."""
    at: float = 0.0
    """When it was accepted, by the product's clock."""


@dataclass(frozen=True, slots=True)
class Received:
    """An update that a vendor received, alone or in a call about many leads."""

    place: Place
    at: float
    status: int | None = 200
    """What the vendor answered; None where the connection was cut."""

    @property
    def taken(self) -> bool:
        """Whether the vendor may have applied it."""
        return self.status is None or self.applied

    @property
    def applied(self) -> bool:
        """Whether the vendor said that it did."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Try:
    """An attempt as it is on record."""

    result: str
    counted: bool = True
    """One that does not count stands for any number of the same in a row."""


@dataclass(frozen=True, slots=True)
class Settled:
    """An outcome."""

    duty: Duty
    kind: str
    round: int = 1
    tries: tuple[Try, ...] = ()
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fired:
    """A trigger."""

    duty: Duty
    kind: str


@dataclass(frozen=True, slots=True)
class Acted:
    """A call by which a rule's action told its receiver of a trigger."""

    id: str
    """The action's, by which its receiver knows a repeat."""
    rule: str
    trigger: Fired
    at: float


@dataclass(frozen=True, slots=True)
class Redriven:
    """A dead letter that was sent again."""

    duty: Duty
    at: float


@dataclass(frozen=True, slots=True)
class Run:
    """All of it, each in the order in which it came to be."""

    answered: tuple[Answered, ...]
    logged: tuple[Logged, ...]
    """A lead's events in the order of its partition."""
    received: tuple[Received, ...]
    """A connector's in the order of receipt."""
    settled: tuple[Settled, ...]
    fired: tuple[Fired, ...] = ()
    acted: tuple[Acted, ...] | None = None
    """In the order of receipt; one rule has to tell of each trigger. None: there are no rules."""
    redriven: tuple[Redriven, ...] = ()
    kills: tuple[float, ...] = ()
    """When a process was killed."""
    at_once: int = 0
    """Updates that may be under way at a kill: the sum of concurrency × batch."""
    calls: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Connector -> times of every call that its vendor recorded, also of those that carry no
    update (reads, questions)."""
    refused: int = 0
    """Calls that heard a final answer other than 2xx."""
    busy: int = 0
    """Times that a call heard busy."""
    unanswered: int = 0
    """Times that a call heard nothing."""
    outage: float = 0.0
    """Seconds for which all brokers or the database were away, when nobody could have gone on."""
    lines: tuple[str, ...] = ()
    """Events of the lines that the processes wrote for operators, warnings and worse."""
