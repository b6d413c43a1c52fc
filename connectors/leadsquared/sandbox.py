"""LeadSquared's backend, faked: both hosts over one account, by the vendor's pages.

Leads are kept by their ProspectID; e-mail addresses and phones are unique. An async update
becomes a task that is worked on at once, or after as many status calls as its lead's switch
`in_queue` says; a lead's tasks are worked on in the order they came. Quotas are held only when
faithful.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.leadsquared.mapping.outcomes import failure_for
from connectors.leadsquared.mapping.reading import named
from connectors.leadsquared.mapping.tables import IDENTIFIERS
from connectors.leadsquared.wire import answers, attributes, bulk
from connectors.leadsquared.wire.answers import (
    Exc,
    Failure,
    State,
    TaskStatus,
    Workload,
    rate_limited,
    render_failure,
    unknown_attributes,
)
from connectors.leadsquared.wire.attributes import Attribute, Unreadable, read_parameters
from connectors.leadsquared.wire.bulk import BulkAnswer, BulkUpdate, Entry
from connectors.sandbox.port import Backend, BackendCall
from gateway.dialect import Answer
from gateway.model.codes import Code
from gateway.model.ids import derived_id
from gateway.model.json import JsonObject, JsonValue

QUOTA, BULK_QUOTA, WINDOW = 25, 5, 5.0
"""Calls in 5 seconds (both pages); bulk calls fewer (page "Rate Limits", by plan)."""
RATED_OVER = 600.0
"""Seconds over which the metrics call's rate is taken (page "Get Metrics")."""
NO_API = Failure(Exc.INVALID_INPUT, "The API could not be found. Please check the API signature.")
"""The page's words for a 404; its body is not public."""
UNKNOWN_REQUEST = Failure(Exc.INVALID_INPUT, "RequestID does not exist")
NO_REQUEST = Failure(Exc.MANDATORY_MISSING, "'RequestID' is mandatory for getting status")
IN_QUEUE, IN_VAIN = "Request is in queue", "Request could not be completed after 10 retries"
"""Inferred: the page shows the reason of a success only."""
UNIQUE = frozenset({"emailaddress", "phone"})
"""Unique fields of a new account (page "Create or Update a Lead")."""


@dataclass(slots=True)
class Lead:
    """A lead as the account keeps it, with the sandbox's switches."""

    id: str
    values: dict[str, JsonValue] = field(default_factory=dict)
    """By schema name, as first written; empty ones are not kept."""
    schema: tuple[str, ...] | None = None
    """The schema names that exist; None: all."""
    in_queue: int = 0
    """Status calls that say `In-Queue` before an async update is worked on."""
    broken: bool = False
    """Whether async updates end in `ERROR`."""

    def shown(self) -> JsonObject:
        """The lead in the form `seed` takes."""
        shown: dict[str, JsonValue] = {"id": self.id, **self.values}
        if self.schema is not None:
            shown["schema"] = list(self.schema)
        return shown | {"in_queue": self.in_queue, "broken": self.broken}

    def get(self, name: str) -> JsonValue:
        """An attribute's value, its name in any case."""
        return next((v for n, v in self.values.items() if n.lower() == name.lower()), None)

    def put(self, attribute: Attribute) -> None:
        """Write an attribute; null and "" empty it."""
        name = next((n for n in self.values if n.lower() == attribute.name.lower()), attribute.name)
        value = _plain(attribute)
        if value is None or value == "":
            self.values.pop(name, None)
        else:
            self.values[name] = value


def _plain(attribute: Attribute) -> JsonValue:
    if attribute.fields is None:
        return attribute.value
    return {each.name: _plain(each) for each in attribute.fields}


def _key(name: str, value: JsonValue) -> str:
    """A value as it is compared: phones by their digits, others in lower case."""
    text = str(value).strip().lower()
    return re.sub(r"\D", "", text) if name.lower() == "phone" else text


@dataclass(slots=True)
class Task:
    """An accepted async update."""

    lead_id: str
    asked: tuple[Attribute, ...]
    body: str
    at: float
    left: int
    """Status calls before it is worked on."""
    state: State = State.IN_QUEUE
    reason: str = IN_QUEUE
    done_at: float | None = None


class LeadSquaredBackend:
    """An account with its leads, its queue and its callers' quotas."""

    name = "leadsquared"

    def __init__(self, *, faithful: bool) -> None:
        self._faithful = faithful
        self._leads: dict[str, Lead] = {}
        self._tasks: dict[str, Task] = {}
        self._calls: dict[tuple[str, int], deque[float]] = {}
        self._routes: Mapping[tuple[str, str], Callable[[BackendCall], Answer]] = {
            ("POST", attributes.UPDATE_PATH): self._accept,
            ("GET", attributes.STATUS_PATH): self._tell,
            ("GET", attributes.STATUS_ALIAS): self._tell,
            ("GET", attributes.METRICS_PATH): self._measure,
            ("POST", attributes.SYNC_PATH): self._update,
            ("POST", attributes.BULK_PATH): self._update_many,
        }

    def handle(self, call: BackendCall) -> Answer:
        """Answer a call: path, keys, rate, and then what it says."""
        act = self._routes.get((call.method, call.path))
        if act is None:
            return _failed(404, NO_API)
        key = _key_of(call)
        if key is None:
            return _failed(401, failure_for(Code.UNAUTHENTICATED))
        quota = BULK_QUOTA if call.path == attributes.BULK_PATH else QUOTA
        if self._faithful and not self._allowed(key, quota, call.now):
            return _failed(429, rate_limited(quota, WINDOW))
        try:
            return act(call)
        except Unreadable as error:
            return _failed(400, Failure(Exc.INVALID_INPUT, str(error)))

    def leads(self) -> list[JsonObject]:
        """Every lead as kept."""
        return [lead.shown() for lead in self._leads.values()]

    def seed(self, lead: JsonObject) -> None:
        """Create or replace a lead; raises ValueError for one without an id, with a switch that
        can't be, or with another lead's e-mail address or phone."""
        given = dict(lead)
        lead_id, schema = given.pop("id", None), given.pop("schema", None)
        in_queue, broken = given.pop("in_queue", 0), given.pop("broken", False)
        if not isinstance(lead_id, str) or not lead_id.strip():
            raise ValueError("a lead needs an id")
        if schema is not None and not isinstance(schema, list | tuple):
            raise ValueError("schema is a list of schema names")
        if not isinstance(in_queue, int) or in_queue < 0 or not isinstance(broken, bool):
            raise ValueError("in_queue is a number of status calls, broken is true or false")
        names = None if schema is None else tuple(map(str, schema))
        made = Lead(lead_id, given, names, in_queue, broken)
        for name in UNIQUE:
            if self._owner_of(name, made.get(name), lead_id) is not None:
                raise ValueError(f"another lead has the same {name}")
        self._leads[lead_id.lower()] = made

    def lead_of(self, call: BackendCall) -> str | None:
        """The id in the query, that of a status call's task, or that of a bulk call's only
        lead."""
        parameters = read_parameters(call.query)
        if call.path == attributes.BULK_PATH:
            return self._only_lead(call.body)
        task = self._tasks.get(parameters.request_id or "")
        return parameters.lead_id if task is None else task.lead_id

    def _only_lead(self, body: bytes) -> str | None:
        try:
            asked = bulk.parse(body)
        except Unreadable:
            return None
        found = [self._find(asked, lead) for lead in asked.leads]
        return found[0].id if len(found) == 1 and found[0] is not None else None

    def _allowed(self, key: str, quota: int, now: float) -> bool:
        """Whether a sliding window takes one more; a refused one is not counted."""
        calls = self._calls.setdefault((key, quota), deque())
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= quota:
            return False
        calls.append(now)
        return True

    # --- one lead -------------------------------------------------------------------------

    def _update(self, call: BackendCall) -> Answer:
        asked = attributes.parse_attributes(call.body)
        lead_id = read_parameters(call.query).lead_id
        if not lead_id:
            return _failed(500, answers.LEAD_ID_MISSING)
        failure = self._apply(self._leads.get(lead_id.lower()), asked)
        return _failed(500, failure) if failure else Answer(200, answers.render_done())

    def _apply(self, lead: Lead | None, asked: Sequence[Attribute]) -> Failure | None:
        """Write all attributes, or none where there is an exception."""
        if lead is None:
            return failure_for(Code.LEAD_NOT_FOUND)
        said = [each for each in asked if each.name.lower() not in IDENTIFIERS]
        if lead.schema is not None:
            known = {name.lower() for name in lead.schema}
            unknown = [each.name for each in said if each.name.lower() not in known]
            if unknown:
                names = ", ".join(unknown)
                return Failure(Exc.UNKNOWN_ATTRIBUTE, unknown_attributes(names))
        for each in said:
            if self._owner_of(each.name, each.value, lead.id) is not None:
                return _taken(each)
        for each in said:
            lead.put(each)
        return None

    def _owner_of(self, name: str, value: JsonValue, lead_id: str) -> Lead | None:
        """Another lead with this value of a unique field."""
        if name.lower() not in UNIQUE or value is None or value == "":
            return None
        others = (lead for key, lead in self._leads.items() if key != lead_id.lower())
        return next((lead for lead in others if _same(lead, name, value)), None)

    # --- the queue ------------------------------------------------------------------------

    def _accept(self, call: BackendCall) -> Answer:
        asked = attributes.parse_attributes(call.body)
        lead_id = read_parameters(call.query).lead_id
        if not lead_id:
            return _failed(500, answers.LEAD_ID_MISSING)
        lead = self._leads.get(lead_id.lower())
        left = 0 if lead is None else lead.in_queue
        request_id = derived_id(f"leadsquared sandbox/{len(self._tasks)}")
        body = call.body.decode(errors="replace")
        task = self._tasks[request_id] = Task(lead_id, asked, body, call.now, left)
        if not left:
            self._work(task, call.now)
        return Answer(200, answers.render_accepted(request_id))

    def _work(self, task: Task, now: float) -> None:
        """Do a task, after those of the same lead that came before it."""
        for each in self._tasks.values():
            if each.done_at is None and each.lead_id.lower() == task.lead_id.lower():
                self._do(each, now)
            if each is task:
                return

    def _do(self, task: Task, now: float) -> None:
        task.done_at = now
        lead = self._leads.get(task.lead_id.lower())
        if lead is not None and lead.broken:
            task.state, task.reason = State.ERROR, IN_VAIN
            return
        failure = self._apply(lead, task.asked)
        if failure is None:
            task.state, task.reason = State.SUCCESS, answers.COMPLETED
        else:
            task.state, task.reason = State.FAILURE, f"{failure.type}: {failure.message}"

    def _tell(self, call: BackendCall) -> Answer:
        request_id = read_parameters(call.query).request_id
        task = self._tasks.get(request_id or "")
        if request_id is None or task is None:
            return _failed(500, NO_REQUEST if not request_id else UNKNOWN_REQUEST)
        if task.done_at is None and not task.left:
            self._work(task, call.now)
        task.left = max(0, task.left - 1)
        done = answers.render_done().decode() if task.state is State.SUCCESS else None
        last = None if task.done_at is None else answers.LAST_STEP
        said = TaskStatus(request_id, task.state, task.reason, task.body, done, last)
        return Answer(200, answers.render_status(said))

    def _measure(self, call: BackendCall) -> Answer:
        since = [task.at for task in self._tasks.values() if task.done_at is None]
        ends = [task.done_at for task in self._tasks.values() if task.done_at is not None]
        recent = sum(1 for end in ends if end > call.now - RATED_OVER)
        delay = call.now - min(since) if since else 0.0
        load = Workload(len(since), delay, recent / (RATED_OVER / 60))
        return Answer(200, answers.render_metrics(load))

    # --- many leads -----------------------------------------------------------------------

    def _update_many(self, call: BackendCall) -> Answer:
        asked = bulk.parse(call.body)
        if len(asked.leads) > bulk.MOST_LEADS:
            return _failed(500, failure_for(Code.BATCH_TOO_LARGE))
        successful: list[Entry] = []
        failed: list[Entry] = []
        missing: list[Entry] = []
        for lead in asked.leads:
            who, found = named(lead, asked.search_by), self._find(asked, lead)
            if found is None and who.value and asked.unprocessed:
                missing.append(Entry(who.identifier, who.value, bulk.NOT_FOUND))
                continue
            failure = self._apply(found, who.fields)
            if failure is None:
                successful.append(Entry(who.identifier, who.value))
            else:
                failed.append(Entry(who.identifier, who.value, failure.message))
        unprocessed = tuple(missing) if asked.unprocessed else None
        told = BulkAnswer(tuple(successful), tuple(failed), unprocessed)
        return Answer(200, bulk.render_answer(told))

    def _find(self, asked: BulkUpdate, lead: bulk.BulkLead) -> Lead | None:
        who = named(lead, asked.search_by)
        if who.identifier.strip().lower() in IDENTIFIERS:
            return self._leads.get(who.value.strip().lower())
        name = who.identifier.strip()
        return next((one for one in self._leads.values() if _same(one, name, who.value)), None)


def _same(lead: Lead, name: str, value: JsonValue) -> bool:
    held = lead.get(name)
    return held is not None and value is not None and _key(name, held) == _key(name, value)


def _taken(attribute: Attribute) -> Failure:
    """The two sentences that integrators saw."""
    if attribute.name.lower() == "phone":
        return Failure(Exc.DUPLICATE, "A Lead with same Phone Number already exists.")
    key = "UQ_Prospect_Base_EmailAddress"
    return Failure(Exc.DUPLICATE, f"Duplicate entry '{attribute.value}' for key '{key}'")


def _key_of(call: BackendCall) -> str | None:
    """Whose quota a call counts to; None where a key that it needs is missing. Any are taken."""
    parameters, headers = read_parameters(call.query), call.headers
    third = headers.get(attributes.API_KEY.lower(), "")
    if call.method == "GET":
        return third or None
    access = headers.get(attributes.ACCESS_KEY.lower()) or parameters.access_key
    secret = headers.get(attributes.SECRET_KEY.lower()) or parameters.secret_key
    needs = third if call.path == attributes.UPDATE_PATH else "none"
    return access if access and secret and needs else None


def _failed(status: int, failure: Failure) -> Answer:
    return Answer(status, render_failure(failure))


def backend(faithful: bool) -> Backend:
    """A new, empty account."""
    return LeadSquaredBackend(faithful=faithful)
