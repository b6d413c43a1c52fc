"""Acme's backend, faked: people by id."""

from __future__ import annotations

from connectors.sandbox.port import Backend, BackendCall
from gateway.dialect import Answer
from gateway.model.json import JsonObject
from tests.example_vendor import wire


class AcmeBackend:
    """An account with its people."""

    name = "acme"

    def __init__(self) -> None:
        self._people: dict[str, dict[str, str | None]] = {}

    def handle(self, call: BackendCall) -> Answer:
        """Answer a call and change state."""
        word, about = self._result(call)
        return Answer(wire.STATUSES[word], wire.result(word, about))

    def leads(self) -> list[JsonObject]:
        """Every person: `id` and Acme's fields."""
        return [{"id": person, **fields} for person, fields in self._people.items()]

    def seed(self, lead: JsonObject) -> None:
        """Create or replace a person; raises ValueError for one without an id or with a value
        that is no text."""
        fields = {name: value for name, value in lead.items() if isinstance(value, str | None)}
        person = fields.pop("id", None)
        if not person or len(fields) != len(lead) - 1:
            raise ValueError("a person has an id, and fields of text")
        self._people[person] = fields

    def lead_of(self, call: BackendCall) -> str | None:
        """The id in the path."""
        prefix, person = call.path[: len(wire.PATH)], call.path[len(wire.PATH) :]
        return person if prefix == wire.PATH and person else None

    def _result(self, call: BackendCall) -> tuple[str, str]:
        if not call.headers.get(wire.KEY_HEADER.lower()):
            return "BAD_KEY", ""
        known = self._people.get(self.lead_of(call) or "")
        if known is None:
            return "NO_PERSON", ""
        if call.method != "PUT":
            return "BAD_METHOD", ""
        try:
            update = wire.parse("", call.body)
        except wire.BadValue as error:
            return "BAD_VALUE", str(error)
        except wire.Unreadable:
            return "BAD_VALUE", "body"
        known.update(update.fields)
        return "OK", ""


def backend(faithful: bool) -> Backend:
    """An account without people; Acme has no quota, floor or lock to be faithful to."""
    del faithful
    return AcmeBackend()
