"""Many leads in one call: who they are, and what became of each."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from connectors.delivery.connector import Applied, Delivery, Unavailable, Verdict
from connectors.leadsquared.mapping.rendering import PhoneFormat, Plan
from connectors.leadsquared.mapping.tables import DIALECT, IDENTIFIERS, search_of
from connectors.leadsquared.outbound.judging import refused_for, trouble
from connectors.leadsquared.wire import bulk
from connectors.leadsquared.wire.attributes import Attribute
from connectors.leadsquared.wire.bulk import NOT_FOUND, PROSPECT_ID, BulkLead, BulkUpdate
from gateway.model.codes import Code
from gateway.model.event import LeadId, LeadUpdate
from gateway.phones import dashed
from gateway.transport.port import HttpReply, HttpResponse


class Address(NamedTuple):
    """How the vendor finds a lead."""

    name: str
    """The unique field it is sought by."""
    value: str

    @property
    def own(self) -> bool:
        """Whether it is the lead's own id, which single updates need."""
        return self.name.lower() in IDENTIFIERS


_FALLBACKS = (PROSPECT_ID, "EmailAddress", "Phone")


def address_of(
    delivery: Delivery, system: str, preferred: Sequence[str], phone_format: PhoneFormat
) -> Address | None:
    """By the first of the preferred fields that the lead's linked ids hold, else by its own id,
    its e-mail address, its phone, or another unique field; None for a lead without any."""
    found: dict[str, Address] = {}
    for lead in (*delivery.ids, *delivery.other_ids):
        name = search_of(lead, system)
        if name is not None:
            found.setdefault(name.lower(), Address(name, _value(lead, phone_format)))
    names = (name.strip().lower() for name in (*preferred, *_FALLBACKS))
    known = (PROSPECT_ID.lower() if name in IDENTIFIERS else name for name in names)
    chosen = next((found[name] for name in known if name in found), None)
    chosen = chosen or next(iter(found.values()), None)
    return None if chosen is None else _as_received(delivery, chosen)


def _value(lead: LeadId, phone_format: PhoneFormat) -> str:
    dashes = lead.system == "phone" and phone_format == "dashed"
    return dashed(lead.id) if dashes else lead.id


def _as_received(delivery: Delivery, address: Address) -> Address:
    """As a caller of this dialect wrote it: its account may hold phones in a form of its own."""
    origin = delivery.event.origin
    name, value = origin.scope.get("search_by"), origin.scope.get("identifier")
    if origin.dialect != DIALECT or not isinstance(name, str) or not isinstance(value, str):
        return address
    same = name.lower() == address.name.lower() and not address.own
    return Address(name, value) if same else address


class Sent(NamedTuple):
    """One lead of a call."""

    address: Address
    fields: tuple[Attribute, ...]
    """Without the attribute that names the lead."""
    dropped: tuple[str, ...]


def sent(delivery: Delivery, planned: Plan, address: Address, names: Mapping[str, str]) -> Sent:
    """A lead of a call; `names` is canonical field -> schema name. A call can't say a new value
    of the very field by which it seeks the lead."""
    naming = IDENTIFIERS if address.own else {address.name.lower()}
    fields: list[Attribute] = []
    dropped = list(planned.dropped)
    for each in planned.fields:
        if each.name.lower() not in naming:
            fields.append(each)
        elif _key(str(each.value)) != _key(address.value):
            dropped.append(_ours(each.name, delivery.event, names))
    return Sent(address, tuple(fields), tuple(dropped))


def _ours(name: str, event: LeadUpdate, names: Mapping[str, str]) -> str:
    """The event's own word for an attribute."""
    given = event.origin.names if event.origin.dialect == DIALECT else {}
    said = {given.get(ours) or names.get(ours): ours for ours in event.changes}
    return said.get(name, name)


def body_of(leads: Sequence[Sent]) -> bytes:
    """The body of a call; all are sought by the same field. Leads that don't exist are asked to
    be told apart from those that fail."""
    entries = [BulkLead((Attribute(*lead.address), *lead.fields)) for lead in leads]
    return bulk.render(BulkUpdate(tuple(entries), leads[0].address.name, unprocessed=True))


def verdicts(reply: HttpReply, leads: Sequence[Sent]) -> tuple[Verdict, ...]:
    """One per lead, in order. Leads are counted over the three lists, whatever the answer's
    message says: a 200 can be a total failure, and a lead in no list is unknown."""
    whole = trouble(reply)
    if whole is not None:
        return (whole,) * len(leads)
    assert isinstance(reply, HttpResponse)  # noqa: S101 - no other reply is without trouble
    answer, status = bulk.read_answer(reply.body), reply.status
    if answer is None:
        unread = Unavailable("the answer lists no leads", status, answer_unknown=True)
        return (unread,) * len(leads)
    told: defaultdict[str, deque[str | None]] = defaultdict(deque)
    for entry in answer.failed:
        told[_key(entry.value)].append(entry.reason or "")
    for entry in answer.unprocessed or ():
        told[_key(entry.value)].append(entry.reason or NOT_FOUND)
    for entry in answer.successful:
        told[_key(entry.value)].append(None)
    return tuple(_verdict(lead, told[_key(lead.address.value)], status) for lead in leads)


def _verdict(lead: Sent, told: deque[str | None], status: int) -> Verdict:
    if not told:
        return Unavailable("the answer does not name this lead", status, answer_unknown=True)
    reason = told.popleft()
    if reason is None:
        return Applied(None, lead.dropped, status)
    return refused_for(reason, status, Code.VALIDATION_FAILED)


def _key(value: str) -> str:
    """Values are echoed as they were sent; letters of ids and addresses may be in any case."""
    return value.strip().lower()
