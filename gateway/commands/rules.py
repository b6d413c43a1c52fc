"""`leadwire rules`: what the rules are, what they would do, and why they did or did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from connectors.automations.deciding import Deciding, Seen
from connectors.automations.explaining import explained
from connectors.automations.facts import Fact, fact_of, read_kept
from connectors.automations.loading import Loaded, load, read
from connectors.registry import VENDORS
from gateway.clock import SystemClock, from_rfc3339
from gateway.commands import printed, reach
from gateway.commands.configured import DEFAULT, ConfigFile, configured
from gateway.commands.printed import AsJson
from gateway.commands.reach import Failed, Operator
from gateway.edge.admin.endpoints import WHY
from gateway.eventlog.port import Record, Topic
from gateway.model.trigger import Trigger, TriggerKind
from gateway.posting import endpoints
from gateway.settings import Settings, SettingsError
from gateway.store.automations import Memory

PAGE = 5000
"""Triggers asked for at once."""
NOTHING = Memory(frozenset(), {}, {})
SHOWN = 20
"""Firings that are printed one by one."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules = typer.Typer(no_args_is_help=True, help="Look at, try and explain automation rules.")
    rules.command("list")(list_rules)
    rules.command("test")(try_rules)
    rules.command("why")(why)
    app.add_typer(rules, name="rules")


# --- list -----------------------------------------------------------------------------------


def list_rules(as_json: AsJson = False, config: ConfigFile = DEFAULT) -> None:
    """Print the rules that the configuration names."""
    loaded = _configured(configured(config))
    rows = [rule.settings.model_dump(mode="json", exclude_none=True) for rule in loaded.rules.rules]
    if as_json:
        printed.document({"version": loaded.rules.version, "rules": rows})
        return
    columns = ("rule", "on", "dispositions", "when", "does")
    printed.table(columns, [_line(row) for row in rows])


def _line(rule: dict[str, Any]) -> tuple[str, ...]:
    does = ", ".join(next(kind for kind in one if kind != "name") for one in rule["do"])
    off = "" if rule["enabled"] else " (off)"
    said = ", ".join(rule.get("dispositions", ("any",)))
    return rule["name"] + off, rule["on"], said, rule["when"], does


def _configured(settings: Settings) -> Loaded:
    if settings.automations is None:
        raise Failed("the configuration names no file of rules (automations: FILE)", 2)
    return load(Path(settings.automations), endpoints(VENDORS, settings.log.url))


# --- test -----------------------------------------------------------------------------------


def try_rules(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rules to be tried.")],
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="A time (RFC 3339) or an age (1h).")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="Triggers as `events --topic triggers --json` writes them."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Try rules on recorded triggers, without doing anything, and print what would have fired."""
    loaded = load(file, endpoints(VENDORS))
    trying = Trying(loaded)
    if events is not None:
        total = sum(1 for _ in events.open("rb"))
        with _Bar(total) as advance, events.open("rb") as lines:
            for line in lines:
                trying.line(line)
                advance()
    else:

        async def work(settings: Settings) -> None:
            async with reach.reached(settings, SystemClock()) as operator:
                await _recorded(operator, since, trying)

        reach.carry_out(config, work)
    trying.report(as_json=as_json)


async def _recorded(operator: Operator, since: str | None, trying: Trying) -> None:
    with _Bar(None) as advance:
        async for lines in _pages(operator, since):
            for line in lines:
                trying.line(line)
                advance()


async def _pages(operator: Operator, since: str | None) -> AsyncIterator[tuple[bytes, ...]]:
    query = {"topic": str(Topic.TRIGGERS), "limit": str(PAGE)}
    query |= {} if since is None else {"since": since}
    while True:
        page = await operator.events(query)
        yield page.lines
        if len(page.lines) < PAGE:
            return
        query = {"topic": query["topic"], "limit": query["limit"], "position": page.position}


class Trying:
    """Rules held against one trigger after the other, as if each came when it did."""

    def __init__(self, loaded: Loaded) -> None:
        """Nothing tried."""
        self._loaded, self._deciding = loaded, Deciding(loaded.rules)
        self._seen = set[str]()
        self._known: dict[tuple[str, str], Memory] = {}
        self.triggers = self.unreadable = 0
        self.results: Counter[tuple[str, str]] = Counter()
        self.fired: list[dict[str, Any]] = []

    def line(self, line: bytes) -> None:
        """A trigger as a structured CloudEvent."""
        try:
            fact = _fact(orjson.loads(line))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            self.unreadable += 1
            return
        if fact.id in self._seen:
            return  # it was written again after a crash
        self._seen.add(fact.id)
        self.triggers += 1
        record = Record(Topic.TRIGGERS, 0, self.triggers, fact.lead, (), b"", 0.0)
        memory = self._known.get((fact.tenant, fact.lead), NOTHING)
        decided = self._deciding.decide([Seen(fact, record)], memory, from_rfc3339(fact.time))
        if decided.rests or decided.counts:
            rests = {row[:3]: row.until for row in decided.rests}
            counts = {row[:3]: row.dispositions for row in decided.counts}
            known = Memory(memory.seen, memory.rests | rests, memory.counts | counts)
            self._known[fact.tenant, fact.lead] = known
        for verdict in decided.verdicts:
            self.results[verdict.rule, verdict.result] += 1
            if verdict.result == "fired":
                told = {"rule": verdict.rule, "time": fact.time, "event_id": fact.update.id}
                self.fired.append({**told, "lead": fact.lead, "actions": len(verdict.actions)})

    def report(self, *, as_json: bool) -> None:
        """Print what came of it."""
        rules = [{"rule": rule.name, **self._of(rule.name)} for rule in self._loaded.rules.rules]
        if as_json:
            told = {"triggers": self.triggers, "unreadable": self.unreadable}
            printed.document({**told, "rules": rules, "fired": self.fired})
            return
        printed.line(f"{printed.counted(self.triggers, 'trigger')}, nothing was done")
        columns = ("rule", "fired", "unmatched", "held back")
        rows = [(r["rule"], r["fired"], r["unmatched"], r["held_back"]) for r in rules]
        printed.table(columns, rows)
        for one in self.fired[-SHOWN:]:
            printed.line(f"{printed.when(one['time'])}  {one['rule']}  {one['event_id']}")

    def _of(self, rule: str) -> dict[str, int]:
        results = {result: count for (name, result), count in self.results.items() if name == rule}
        held = sum(n for result, n in results.items() if result not in {"fired", "unmatched"})
        fired, unmatched = results.get("fired", 0), results.get("unmatched", 0)
        return {"fired": fired, "unmatched": unmatched, "held_back": held}


def _fact(event: dict[str, Any]) -> Fact:
    data = event["data"]
    return fact_of(
        Trigger(
            TriggerKind(data["kind"]),
            data["event_id"],
            data["connector"],
            event["tenant"],
            event["subject"],
            data["update"],
            data["time"],
            data.get("before", {}),
        )
    )


class _Bar:
    """A bar on stderr; called for each that is done."""

    def __init__(self, total: int | None) -> None:
        """None: how many there are is not known."""
        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._total, self._done = total, 0

    def __enter__(self) -> _Bar:
        self._progress.start()
        self._task = self._progress.add_task("triggers", total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self) -> None:
        self._done += 1
        if not self._done % 500:
            self._progress.update(self._task, completed=self._done)


# --- why ------------------------------------------------------------------------------------


def why(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID")],
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Say which rules fired for an update, what became of it, and why the others did not."""
    found = reach.run(config, lambda operator: operator.ask(WHY, {"id": event_id}))
    for fact in found["facts"]:
        fact["unmatched"] = list(_unmatched(fact))
    if as_json:
        printed.document(found)
        return
    for fact in found["facts"]:
        printed.line(f"{fact['kind']} at {fact['connector']}, rules {fact['version']}")
        rows = [row for rule in fact["matched"] for row in _told(rule)]
        rows += [(one["rule"], "no", one["why"]) for one in fact["unmatched"]]
        printed.table(("rule", "fired", "what became of it, or why not"), rows)


def _told(rule: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if rule["result"] != "fired":
        yield rule["rule"], rule["result"], rule["why"]
    for action in rule["actions"]:
        told = f"{action['consumer'] or 'its action'} {action['state']} {action['message']}"
        yield rule["rule"], "yes", f"{told.strip()} ({action['id']})"


def _unmatched(fact: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What the rules of that time say, asked again."""
    if fact["rules"] is None:
        return
    try:
        loaded = read("rules", fact["rules"], Path(), endpoints(VENDORS), _Anything())
    except SettingsError:
        return
    matched = {rule["rule"] for rule in fact["matched"]}
    for said in explained(loaded.rules, read_kept(fact["fact"])):
        if not said.matches and said.rule not in matched:
            yield {"rule": said.rule, "why": said.why}


class _Anything(dict[str, str]):
    """Secrets play no part in whether a rule matches."""

    def get(self, name: str, default: Any = None) -> Any:
        """A key that can be one."""
        del name, default
        return "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
