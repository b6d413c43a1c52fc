"""The story of one call, in at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.model.json import JsonObject, JsonValue
from gateway.transport.port import HttpResponse

WIDE = 78
SHOWN = 6
"""Lines of a JSON value that are shown."""


@dataclass(frozen=True, slots=True)
class Told:
    """One call and everything it caused."""

    title: str
    line: str
    """Method, path and query, the key masked."""
    body: bytes
    answer: HttpResponse
    event: Mapping[str, Any] | None
    """The canonical event, from the log."""
    received: Mapping[str, Sequence[JsonObject]]
    """What each backend received since the call."""
    update: Mapping[str, Any] | None
    """The update's record: every connector's verdict."""
    triggers: Sequence[Mapping[str, Any]]

    @property
    def complete(self) -> bool:
        """Whether it was answered with success, is in the log, reached every backend, was
        applied by each of them, and a disposition in it fired its trigger."""
        if self.event is None or self.update is None or not 200 <= self.answer.status < 300:
            return False
        verdicts = [delivery["state"] for delivery in self.update["deliveries"]]
        disposed = "disposition" in self.event["data"]["changes"]
        return (
            len(verdicts) == len(self.received)
            and all(verdict == "applied" for verdict in verdicts)
            and all(calls for calls in self.received.values())
            and bool(self.triggers) == disposed
        )


def narrate(number: int, told: Told) -> str:
    """The whole story, a line each."""
    lines = [line for part in _parts(number, told) for line in part]
    return "".join(f"{line}\n" for line in lines)


def _parts(number: int, told: Told) -> Iterator[list[str]]:
    yield ["", *textwrap.wrap(f"{number}. {told.title}", WIDE, subsequent_indent="   "), ""]
    yield _step("call", told.line)
    yield _shown(told.body)
    yield _step("answer", f"{told.answer.status or 'none'}")
    yield _shown(told.answer.body)
    event = told.event
    yield _step("event", "not in the log" if event is None else str(event["id"]))
    if event is not None:
        yield _changes(event["data"])
    for vendor, calls in told.received.items():
        if not calls:
            yield _step("sent", f"nothing reached {vendor}")
        for call in calls:
            yield _step("sent", f"{vendor}: {call['method']} {call['path']} -> {call['status']}")
            yield _json(call["body"])
    for trigger in told.triggers:
        data = trigger["data"]
        disposition = data["update"]["changes"].get("disposition", {}).get("value", "")
        yield _step("trigger", f"{data['kind']} {disposition} by {data['connector']}")
    if not told.triggers:
        yield _step("trigger", "none: it sets no disposition, and asks for none")
    for delivery in () if told.update is None else told.update["deliveries"]:
        yield _step("outcome", _outcome(delivery))


def _outcome(delivery: Mapping[str, Any]) -> str:
    text = f"{delivery['connector']}: {delivery['state']}"
    if not delivery["verdicts"]:
        return text
    verdict = delivery["verdicts"][-1]
    if verdict["code"] != "ok":
        text += f" ({verdict['code']})"
    if verdict["dropped"]:
        text += f", without {', '.join(verdict['dropped'])}"
    return text


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
    return [_indented(line) for line in lines]


def _step(word: str, text: str) -> list[str]:
    wrapped = textwrap.wrap(text, WIDE - 10, break_long_words=True) or [""]
    return [f"  {word:<8}{wrapped[0]}", *(f"          {more}" for more in wrapped[1:])]


def _shown(body: bytes) -> list[str]:
    try:
        return _json(orjson.loads(body))
    except orjson.JSONDecodeError:
        return [_indented(body.decode("utf-8", "replace"))] if body else []


def _json(value: JsonValue) -> list[str]:
    """JSON in a few lines."""
    if value is None:
        return []
    text = value if isinstance(value, str) else orjson.dumps(value, default=dict).decode()
    lines = [text[at : at + WIDE - 10] for at in range(0, len(text), WIDE - 10)]
    if len(lines) > SHOWN:
        lines = [*lines[: SHOWN - 1], "…"]
    return [_indented(line) for line in lines]


def _indented(line: str) -> str:
    return f"          {line}"[:WIDE]


def _short(value: JsonValue) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
