"""A Noojee Contact server with state, answering UpdateLeadFast by the vendor's page.

Leads are kept by allocation and external id. An update without `njCallBackDate` makes the lead
`new` again (no call-back), as the page says. `faithful` adds the vendor's limit on parallel calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.noojee import wire
from connectors.noojee.mapping.reading import body_id
from connectors.noojee.mapping.tables import ACCEPTED, instant_of, zone_of
from connectors.sandbox.port import BackendCall
from gateway.dialect import Answer
from gateway.model.json import JsonObject, JsonValue

FLOOR = 0.1
"""Seconds a call takes at least (page "Update Lead Fast", performance considerations)."""
SLOTS = 4
"""Calls worked on at once by a server of eight hardware threads (half of them, same page)."""
QUEUED_AT_MOST = 60.0
"""Seconds a call waits for a slot before it gets 109."""

_SWITCHES = frozenset(
    {"id", "dialled", "dnc", "being_edited", "dispositions", "contact_hours", "dnc_numbers"}
)
_PLACES = {"fTemplateId": 116, "fCampaignId": 117, "fAllocationId": 115}


@dataclass(slots=True)
class Lead:
    """A lead as the server keeps it, with the sandbox's switches."""

    id: str
    place: dict[str, str]
    """`fAllocationId`, and `fCampaignId`, `fTemplateId` where they are to be checked."""
    fields: dict[str, JsonValue] = field(default_factory=dict)
    """The template's fields by name."""
    system: dict[str, JsonValue] = field(default_factory=dict)
    """`njDisposition`, `njCallBackDate`, `njPriority` and the contact hours."""
    dialled: bool = False
    dnc: bool = False
    being_edited: bool = False
    dispositions: frozenset[str] | None = None
    """The codes that exist; None: all."""
    contact_hours: frozenset[str] | None = None
    """The hours' names that exist; None: all."""

    def phones(self) -> set[str]:
        """Its numbers, digits only."""
        return _phones(self.fields)

    def shown(self) -> JsonObject:
        """The lead in the form `seed` takes."""
        shown: dict[str, JsonValue] = {"id": self.id, **self.place, **self.fields, **self.system}
        shown |= {"dialled": self.dialled, "dnc": self.dnc, "being_edited": self.being_edited}
        for name, words in (
            ("dispositions", self.dispositions),
            ("contact_hours", self.contact_hours),
        ):
            if words is not None:
                shown[name] = sorted(words)
        return shown


def _digits(value: JsonValue) -> str:
    return re.sub(r"\D", "", str(value)) if isinstance(value, str | int) else ""


def _phones(fields: Mapping[str, JsonValue]) -> set[str]:
    said = {_digits(value) for name, value in fields.items() if wire.is_phone_name(name)}
    return said - {""}


def _words(value: JsonValue) -> frozenset[str] | None:
    return frozenset(map(str, value)) if isinstance(value, list | tuple) else None


def _text(value: JsonValue) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""


def _system(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The system fields of a body by our names for them; the first spelling counts."""
    found: dict[str, JsonValue] = {}
    for name, value in fields.items():
        ours = ACCEPTED.get(name.lower())
        if ours is not None:
            found.setdefault(ours, value)
    return found


def _answer(code: int) -> Answer:
    row = wire.REPLIES[code]
    return Answer(row.status, row.body)


def _bad_number(text: str | None) -> bool:
    return text is not None and not (text.isascii() and text.isdecimal())


class NoojeeBackend:
    """The fake server."""

    name = "noojee"

    def __init__(self, faithful: bool) -> None:
        self._leads: dict[tuple[str, str], Lead] = {}
        self._dnc_numbers: set[str] = set()
        self._free_at = [0.0] * SLOTS if faithful else []

    def handle(self, call: BackendCall) -> Answer:
        """Answer a call and change state."""
        if call.path not in {wire.PATH, wire.DEPRECATED_PATH}:
            return Answer(404, wire.NOT_FOUND_PAGE, content_type="text/html")
        if call.method != "POST":
            return Answer(405, wire.MALFORMED.body, (("Allow", "POST"),))
        target = wire.read_target(call.query)
        if not target.api_key:
            return Answer(wire.INVALID_API_KEY.status, wire.INVALID_API_KEY.body)
        if not self._takes(call.now):
            return _answer(109)
        return self._update(target, call.body)

    def _takes(self, now: float) -> bool:
        """Whether a slot comes free within the minute; the call then holds it for the floor."""
        if not self._free_at:
            return True
        slot = min(range(SLOTS), key=self._free_at.__getitem__)
        start = max(now, self._free_at[slot])
        if start - now > QUEUED_AT_MOST:
            return False
        self._free_at[slot] = start + FLOOR
        return True

    def _update(self, target: wire.Target, body: bytes) -> Answer:
        """The checks in the order of identity, place, content, and then the change."""
        try:
            fields: dict[str, JsonValue] | None = wire.read_fields(body)
        except ValueError:
            fields = None
        external_id = target.external_id or body_id(fields or {})
        if not external_id:
            return _answer(113)
        for code, text in ((116, target.template_id), (117, target.campaign_id)):
            if _bad_number(text):
                return _answer(code)
        if target.allocation_id is None or _bad_number(target.allocation_id):
            return _answer(115)
        if fields is None:
            return Answer(wire.MALFORMED.status, wire.MALFORMED.body)
        lead = self._find(target.allocation_id, external_id)
        if lead is None:
            return _answer(101)
        code = self._wrong(lead, target, fields)
        if code == 0:
            _change(lead, fields)
        return _answer(code)

    def _find(self, allocation: str, external_id: str) -> Lead | None:
        """By allocation; a lead seeded without one is in every allocation."""
        lead = self._leads.get((str(int(allocation)), external_id))
        return lead or self._leads.get(("", external_id))

    def _wrong(self, lead: Lead, target: wire.Target, fields: Mapping[str, JsonValue]) -> int:
        """The code of the first thing wrong with an update of a lead; 0 where nothing is."""
        system = _system(fields)
        checks = (
            (116, _elsewhere(lead, "fTemplateId", target.template_id)),
            (117, _elsewhere(lead, "fCampaignId", target.campaign_id)),
            (102, not any(map(wire.is_phone_name, fields))),
            (114, _bad_callback(system)),
            (111, _unknown(system.get("contact_hours"), lead.contact_hours)),
            (106, _unknown(system.get("disposition"), lead.dispositions)),
            (107, _keeps_nothing(lead, system)),
            (104, lead.dnc or bool((lead.phones() | _phones(fields)) & self._dnc_numbers)),
            (105, self._taken(lead, fields)),
            (110, lead.being_edited),
        )
        return next((code for code, wrong in checks if wrong), 0)

    def _taken(self, lead: Lead, fields: Mapping[str, JsonValue]) -> bool:
        """Whether a new number is another lead's of the same campaign."""
        new = _phones(fields) - lead.phones()
        return bool(new) and any(
            other is not lead
            and other.place.get("fCampaignId") == lead.place.get("fCampaignId")
            and new & other.phones()
            for other in self._leads.values()
        )

    def leads(self) -> list[JsonObject]:
        """Every lead: `id`, its place, its fields and the switches."""
        return [lead.shown() for lead in self._leads.values()]

    def seed(self, lead: JsonObject) -> None:
        """Create or replace a lead; raises ValueError where it has no id or a place that is no
        number."""
        external_id = _text(lead.get("id")) or body_id(lead)
        if not external_id:
            raise ValueError("a lead has an `id` (or njExternalLeadId)")
        place = {name: _text(lead[name]) for name in _PLACES if lead.get(name) is not None}
        for name, text in place.items():
            if not text or _bad_number(text):
                raise ValueError(f"{name} is a number")
        new = Lead(
            external_id,
            place,
            dialled=lead.get("dialled") is True,
            dnc=lead.get("dnc") is True,
            being_edited=lead.get("being_edited") is True,
            dispositions=_words(lead.get("dispositions")),
            contact_hours=_words(lead.get("contact_hours")),
        )
        for name, value in lead.items():
            if name.lower() in ACCEPTED and ACCEPTED[name.lower()] != "id":
                new.system[name] = value
            elif name not in _SWITCHES and name not in _PLACES and name.lower() not in ACCEPTED:
                new.fields[name] = value
        allocation = place.get("fAllocationId", "")
        self._leads[str(int(allocation)) if allocation else "", external_id] = new
        self._dnc_numbers |= {_digits(n) for n in _words(lead.get("dnc_numbers")) or ()}

    def lead_of(self, call: BackendCall) -> str | None:
        """The external id that a call names."""
        named = wire.read_target(call.query).external_id
        if named:
            return named
        try:
            return body_id(wire.read_fields(call.body)) or None
        except ValueError:
            return None


def _elsewhere(lead: Lead, name: str, said: str | None) -> bool:
    """Whether a call names another template or campaign than the lead's."""
    here = lead.place.get(name)
    return here is not None and said is not None and int(said) != int(here)


def _bad_callback(system: Mapping[str, JsonValue]) -> bool:
    said, time = system.get("callback.at"), system.get("callback.time")
    if said is None or said == "" or wire.is_no_change(said):
        return False
    text = _text(said)
    if isinstance(time, str) and " " not in text:
        text = f"{text} {time.strip()}"
    return instant_of(text, zone_of(None, "UTC")) is None


def _unknown(said: JsonValue, allowed: frozenset[str] | None) -> bool:
    if said is None or wire.is_no_change(said) or allowed is None:
        return False
    return _text(said) not in allowed


def _keeps_nothing(lead: Lead, system: Mapping[str, JsonValue]) -> bool:
    """Whether no disposition is given for a lead that has none and was never dialled."""
    said = system.get("disposition")
    given = said is not None and said != "" and not wire.is_no_change(said)
    return not given and not lead.dialled and not lead.system.get("njDisposition")


def _change(lead: Lead, fields: Mapping[str, JsonValue]) -> None:
    """Apply an update that is right."""
    lead.system.pop("njCallBackDate", None)
    for name, value in fields.items():
        ours = ACCEPTED.get(name.lower())
        if ours == "id" or wire.is_no_change(value):
            continue
        if ours is None:
            lead.fields[name] = value
        elif value not in {None, ""}:
            lead.system[_SPELT.get(ours, name)] = value


_SPELT = {
    "disposition": "njDisposition",
    "callback.at": "njCallBackDate",
    "priority": "njPriority",
}


def backend(faithful: bool) -> NoojeeBackend:
    """A server without leads; `faithful` holds it to the vendor's limit on parallel calls."""
    return NoojeeBackend(faithful)
