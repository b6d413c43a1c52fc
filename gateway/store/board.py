"""How the connectors are, as far as this process knows: what the front door asks before it lets
a call wait for an outcome that can't come soon."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.store.connectors import ConnectorRow

UNABLE = frozenset({"breaker_open", "stopped", "paused"})
"""States in which no outcome is near."""


class Board:
    """The newest state of each connector. Workers of this process write it at once; those of
    other processes are read from the store each second."""

    def __init__(self) -> None:
        """Nothing known: every connector counts as able."""
        self._states: dict[str, str] = {}
        self._own: set[str] = set()

    def set(self, name: str, state: str) -> None:
        """A worker of this process says how its connector is."""
        self._states[name] = state
        self._own.add(name)

    def drop(self, name: str) -> None:
        """This process no longer runs the connector."""
        self._own.discard(name)

    def read(self, rows: Iterable[ConnectorRow]) -> None:
        """What the store says of connectors that run elsewhere."""
        for row in rows:
            if row.name not in self._own:
                self._states[row.name] = row.state

    def able(self, name: str) -> bool:
        """Whether an outcome of this connector may come soon."""
        return self._states.get(name) not in UNABLE

    def states(self) -> dict[str, str]:
        """All that is known."""
        return dict(self._states)
