"""The story of the demo, in at most 80 columns: each call with all it caused, and the end."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.model.event import LeadId
from gateway.model.json import JsonObject, JsonValue
from gateway.model.trigger import TriggerKind
from gateway.transport.port import HttpResponse

WIDE = 78
WORD = 14
"""Columns before the text of a step."""
SHOWN = 6
"""Lines of a JSON value that are shown."""
READ = "GET"
_PHONE = re.compile(r"(?<![\w-])(\+?\d\d)\d{5,12}(\d\d)(?![\w-])")
_MAIL = re.compile(r"([\w.+-]{2})[\w.+-]*(@[\w-]+(?:\.[\w-]+)+)")


@dataclass(frozen=True, slots=True)
class Told:
    """One call and everything it caused."""

    title: str
    line: str
    """Method, path and query, the key masked."""
    body: bytes
    answer: HttpResponse
    seconds: float
    """How long the caller waited."""
    events: Sequence[Mapping[str, Any]]
    """The canonical events, from the log."""
    received: Mapping[str, Sequence[JsonObject]]
    """What each backend received since the call, by connector."""
    updates: Sequence[Mapping[str, Any]]
    """The events' records: every connector's verdict."""
    triggers: Sequence[Mapping[str, Any]]

    @property
    def states(self) -> Mapping[str, Sequence[str]]:
        """What became of each event, by connector."""
        return {name: [one["state"] for one in self.deliveries(name)] for name in self.received}

    def deliveries(self, connector: str) -> list[Mapping[str, Any]]:
        """A connector's side of each event."""
        return [
            delivery
            for update in self.updates
            for delivery in update["deliveries"]
            if delivery["connector"] == connector
        ]

    @property
    def missing(self) -> list[str]:
        """What should have happened and did not."""
        said = []
        if not 200 <= self.answer.status < 300:
            said.append("the caller was not told of success")
        if not self.events or len(self.events) != len(self.updates):
            said.append("an update is not in the log")
        for name, calls in self.received.items():
            if not calls:
                said.append(f"nothing reached {name}")
            if self.states[name] != ["applied"] * len(self.events):
                said.append(f"{name} did not apply it")
        fired = sorted((one["data"]["event_id"], one["data"]["kind"]) for one in self.triggers)
        if fired != sorted((event["id"], kind) for event in self.events for kind in due(event)):
            said.append("triggers other than those that were due")
        return said


def due(event: Mapping[str, Any]) -> list[TriggerKind]:
    """The triggers that an event fires once it is applied."""
    data = event["data"]
    fires = {
        TriggerKind.POST_UPDATED_LEAD: data["triggers"]["post_updated_lead"],
        TriggerKind.DISPOSITION_ACTION: data["changes"].get("disposition", {}).get("op") == "set",
    }
    return [kind for kind, so in fires.items() if so]


# --- before and after the calls -----------------------------------------------------------


def opening(
    gateway: str, sandbox: str, vendors: Sequence[str], people: Sequence[Mapping[str, LeadId]]
) -> str:
    """What is about to happen, and who is who."""
    *most, last = vendors
    lines = [
        *_prose(
            "leadwire demo: the vendors' own sample calls go through one leadwire. "
            f"It takes calls at {gateway}. Behind it, at {sandbox}, are fake backends: "
            f"{', '.join(most)} and {last}. Nothing leaves this machine; keys are shown as ***, "
            "people's numbers and addresses are shortened."
        ),
        "",
        *_prose(
            "Of each call you see: the call as its page prints it; the answer, which is the "
            "vendor's own; the event, in words that are no vendor's, as it is kept in the log; "
            "what was sent to each backend, in that vendor's words; and the triggers, which "
            "automations hear."
        ),
        "",
        *_prose(
            "Every vendor knows a lead by an id of its own. These ids are linked first, so that "
            "an update that names one of them reaches all vendors:"
        ),
    ]
    for number, ids in enumerate(people, 1):
        names = " = ".join(f"{lead.system}:{_shortened(lead.id)}" for lead in ids.values())
        lines += _step(f"lead {number}", names)
    return "".join(f"{line}\n" for line in lines)


def closing(
    metrics: Sequence[str], metrics_url: str, missing: Sequence[str], calls: int, vendors: int
) -> str:
    """The metrics that the calls moved, and whether anything is missing."""
    lines = ["", *_prose(f"The calls moved these metrics ({metrics_url}):"), ""]
    lines += [f"  {line}"[:WIDE] for line in metrics]
    lines.append("")
    if missing:
        for text in missing:
            lines += textwrap.wrap(f"missing: {text}", WIDE, subsequent_indent="  ")
    else:
        lines += _prose(
            f"{calls} of {calls} calls went all the way: answered in their vendor's own words, "
            f"kept, delivered to {vendors} backends in order, told to automations, and counted."
        )
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Hop:
    """An update of a chain in which each is the answer of a rule to the one before."""

    event: str
    number: int
    """Updates of our own before it."""
    result: str
    """What the rule said to it."""
    why: str


def looped(rule: str, most: int, hops: Sequence[Hop]) -> str:
    """How a rule that feeds itself came to its end."""
    about = (
        f"A rule that feeds itself: {rule!r} answers each disposition by an update that sets it"
        f" again. No more than {most} (`max_hops`) may follow from one another."
    )
    lines = ["", *_prose(about), ""]
    for hop in hops:
        said = f"{hop.result}: {hop.why}" if hop.why else hop.result or "the rule was not asked"
        lines += _step(f"hop {hop.number}", f"{hop.event}: {said}")
    return "".join(f"{line}\n" for line in lines)


# --- a call -------------------------------------------------------------------------------


def narrate(number: int, told: Told) -> str:
    """The whole story of a call, a line each."""
    lines = [line for part in _parts(number, told) for line in part]
    return "".join(f"{line}\n" for line in lines)


def _parts(number: int, told: Told) -> Iterator[list[str]]:
    title = textwrap.wrap(f"{number}. {told.title}", WIDE, subsequent_indent="   ")
    yield ["", *title, ""]
    line, *more = _packed(re.split(r"(?=[?&])", _shortened(told.line)))
    yield _step("call", line) + [_indented(each) for each in more]
    yield _shown(told.body)
    yield _step("answer", f"{told.answer.status or 'none'}, after {told.seconds * 1000:.0f} ms")
    yield _shown(told.answer.body)
    if not told.events:
        yield _step("event", "none in the log")
    for event in told.events:
        yield _step("event", f"{event['id']}, kept before the answer")
        yield _changes(event["data"])
    for name, calls in told.received.items():
        yield _step(name, _outcome(told.deliveries(name)))
        for call in calls:
            yield _received(call)
    for trigger in told.triggers:
        yield _step("trigger", _fired(trigger["data"]))
    if not told.triggers:
        yield _step("trigger", "none: it sets no disposition, and does not ask for automations")
    for text in told.missing:
        yield _step("MISSING", text)


def _outcome(deliveries: Sequence[Mapping[str, Any]]) -> str:
    """What became of each event at a connector, and what could not be said to it."""
    said, dropped = [], dict[str, None]()
    for delivery in deliveries:
        text = delivery["state"]
        verdict = delivery["verdicts"][-1] if delivery["verdicts"] else None
        if verdict is not None:
            dropped.update(dict.fromkeys(verdict["dropped"]))
            if verdict["code"] != "ok":
                text += f" ({verdict['code']})"
        said.append(text)
    whole = ", ".join(dict.fromkeys(said)) or "not asked"
    if len(said) > 1:
        whole += f", {len(said)} leads"
    return whole + (f"; has no place for {', '.join(dropped)}" if dropped else "")


def _received(call: JsonObject) -> list[str]:
    """A call as a backend got it; of one that only reads, the line."""
    line = [_indented(_shortened(f"{call['method']} {call['path']} -> {call['status']}"))]
    body = call["body"]
    if call["method"] == READ:
        return line
    if isinstance(body, Mapping) and "specversion" in body:
        return [*line, _indented("the event, as a CloudEvent signed by Standard Webhooks")]
    return [*line, *_json(body)]


def _fired(data: Mapping[str, Any]) -> str:
    words = str(data["kind"])
    if words == TriggerKind.DISPOSITION_ACTION:
        words += f" {data['update']['changes']['disposition'].get('value', '')}"
    return f"{words}, because {data['connector']} applied it"


def _changes(data: Mapping[str, Any]) -> list[str]:
    """Every change of the canonical event, and the attributes."""
    lines = []
    for name, change in data["changes"].items():
        said = change["op"]
        if said == "set":
            said = _short(change["value"])
            if change.get("e164"):
                said += f" = {change['e164']}"
        lines.append(f"{name}: {said}")
    lines += [f"attributes.{n}: {_short(v)}" for n, v in data["attributes"]["patch"].items()]
    return [_indented(_shortened(line)) for line in lines]


# --- lines --------------------------------------------------------------------------------


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, WIDE, break_long_words=False, break_on_hyphens=False)


def _step(word: str, text: str) -> list[str]:
    wrapped = textwrap.wrap(text, WIDE - WORD, break_on_hyphens=False) or [""]
    first = f"  {word}".ljust(WORD) + wrapped[0]
    return [first, *(" " * WORD + more for more in wrapped[1:])]


def _shown(body: bytes) -> list[str]:
    """A body of the demo's own calls and their answers."""
    try:
        return _json(orjson.loads(body))
    except orjson.JSONDecodeError:
        return _json(body.decode("utf-8", "replace")) if body else []


def _json(value: JsonValue) -> list[str]:
    """JSON in a few lines, broken between its parts."""
    if value is None:
        return []
    text = value if isinstance(value, str) else orjson.dumps(value, default=dict).decode()
    lines = _packed(re.split(r"(?<=,)(?=[\"{\[])", _shortened(text)))
    if len(lines) > SHOWN:
        lines = [*lines[: SHOWN - 1], "…"]
    return [_indented(line) for line in lines]


def _packed(pieces: Sequence[str]) -> list[str]:
    """Pieces on as few lines as they need; one that is wider than a line is cut."""
    wide = WIDE - WORD
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + len(piece) > wide:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1]) > wide:
            lines[-1:] = [lines[-1][:wide], lines[-1][wide:]]
    return lines


def _indented(line: str) -> str:
    return f"{'':{WORD}}{line}"[:WIDE]


def _shortened(text: str) -> str:
    """A text in which phone numbers and e-mail addresses can be told apart, and not be used."""
    return _MAIL.sub(r"\1…\2", _PHONE.sub(r"\1…\2", text))


def _short(value: JsonValue) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
