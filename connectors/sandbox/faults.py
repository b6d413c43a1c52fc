"""What can go wrong at a fake backend, on request.

The first fault in the order of posting that is about the call's lead, and whose draw hits,
decides what becomes of a call; the others are left as they are. So the rare one is posted before
the common one.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.model.json import JsonObject


class Fault(BaseModel):
    """One thing that goes wrong with calls, instead of or beside the backend's own answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int | None = Field(None, ge=200, le=599)
    """Answer this and don't ask the backend."""
    body: Any = None
    """With `status`: a string is sent as it is, any other value as JSON, none as nothing."""
    headers: dict[str, str] = Field(default_factory=dict)
    """With `status`: the answer's headers."""
    delay: float = Field(0.0, ge=0.0)
    """Seconds to wait before the backend is asked or the fault answers."""
    drop: Literal["before", "after"] | None = None
    """Cut the connection without an answer: before the backend applied the call, or after."""
    times: int | None = Field(None, ge=1)
    """For how many calls; none: until faults are cleared."""
    probability: float = Field(1.0, ge=0.0, le=1.0)
    """For which share of the calls it is about."""
    seed: int | None = None
    """Of the draws; none: the fault's number, so that a run can be repeated anyhow."""
    lead: str | None = None
    """Only for calls about this lead."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Fault:
        if self.status is None and (self.body is not None or self.headers):
            raise ValueError("body and headers need a status")
        if self.status is not None and self.drop is not None:
            raise ValueError("a dropped call has no status")
        if self.status is None and self.drop is None and not self.delay:
            raise ValueError("a fault has a status, a delay or a drop")
        return self


class ActiveFault:
    """A fault with its counter and its draws."""

    __slots__ = ("_random", "fault", "left", "number")

    def __init__(self, number: int, fault: Fault) -> None:
        """`number` is from 1, in the order of posting."""
        self.number = number
        self.fault = fault
        self.left = fault.times
        seed = number if fault.seed is None else fault.seed
        self._random = Random(seed)  # noqa: S311 - draws that can be repeated, no secret

    def hits(self) -> bool:
        """Draw once."""
        probability = self.fault.probability
        return probability >= 1.0 or self._random.random() < probability

    def as_json(self) -> JsonObject:
        """The fault as it was posted, with its number and the calls it has left."""
        shown = self.fault.model_dump(exclude_unset=True)
        return {"number": self.number, **shown, "left": self.left}


class Faults:
    """The faults of one backend."""

    def __init__(self) -> None:
        """None yet."""
        self._active: list[ActiveFault] = []
        self._posted = 0

    def add(self, fault: Fault) -> int:
        """Post a fault; its number."""
        self._posted += 1
        self._active.append(ActiveFault(self._posted, fault))
        return self._posted

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._active.clear()

    def as_json(self) -> list[JsonObject]:
        """Those that may still hit."""
        return [active.as_json() for active in self._active]

    def choose(self, lead: Callable[[], str | None]) -> ActiveFault | None:
        """The fault that hits this call, counted; `lead` tells whom the call is about."""
        for active in self._active:
            wanted = active.fault.lead
            if wanted is not None and wanted != lead():
                continue
            if active.hits():
                self._count(active)
                return active
        return None

    def _count(self, active: ActiveFault) -> None:
        if active.left is None:
            return
        active.left -= 1
        if active.left == 0:
            self._active.remove(active)
