"""The calls a fake backend received, in the order received.

A call is recorded before anything is done with it, so that its place tells when it arrived and
not when it was answered. Recording keeps references only; what people read is made when they ask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import orjson

from connectors.sandbox.port import BackendCall
from gateway.model.json import JsonObject, JsonValue

MASK = "***"
_SECRET_QUERY = frozenset({"accesskey", "apikey", "secretkey", "token"})
_SECRET_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-lsq-accesskey",
        "x-lsq-secretkey",
    }
)


class Record:
    """One received call and what became of it."""

    __slots__ = ("call", "fault", "number", "status")

    def __init__(self, number: int, call: BackendCall) -> None:
        """`number` is from 1, in the order received."""
        self.number = number
        self.call = call
        self.status: int | None = None
        self.fault: int | None = None

    def as_json(self, lead: str | None) -> JsonObject:
        """What people read: secrets masked, the body as JSON where it is."""
        call = self.call
        return {
            "number": self.number,
            "at": call.now,
            "method": call.method,
            "path": call.path,
            "query": _query(call.query),
            "headers": {
                name: MASK if name in _SECRET_HEADERS else value
                for name, value in call.headers.items()
            },
            "body": _body(call.body),
            "lead": lead,
            "status": self.status,
            "fault": self.fault,
        }


class Recording:
    """The last `keep` calls."""

    def __init__(self, keep: int) -> None:
        """None yet; the oldest go first when there are more than `keep`."""
        self._records: deque[Record] = deque(maxlen=keep)
        self._received = 0

    def receive(self, call: BackendCall) -> Record:
        """Write a call down as it arrives."""
        self._received += 1
        record = Record(self._received, call)
        self._records.append(record)
        return record

    def clear(self) -> None:
        """Forget every call; numbers go on."""
        self._records.clear()

    def rows(
        self, lead_of: Callable[[BackendCall], str | None], lead: str | None, since: int
    ) -> list[JsonObject]:
        """Calls with a number above `since`, only those about `lead` where it is given."""
        rows = []
        for record in self._records:
            if record.number <= since:
                continue
            about = lead_of(record.call)
            if lead is None or lead == about:
                rows.append(record.as_json(about))
        return rows


def _query(pairs: Sequence[tuple[str, str]]) -> JsonObject:
    """Name to value; a name that comes again has the list of its values."""
    shown: dict[str, JsonValue] = {}
    for name, value in pairs:
        text = MASK if name.lower() in _SECRET_QUERY else value
        if name not in shown:
            shown[name] = text
            continue
        known = shown[name]
        shown[name] = [*known, text] if isinstance(known, list) else [known, text]
    return shown


def _body(body: bytes) -> JsonValue:
    if not body:
        return None
    try:
        value: JsonValue = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
    return value
