"""Every alert fires when it should and only then, by Prometheus's own tests of rules; what it says
to type can be typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from connectors.delivery.report import STATES
from gateway.cli import application
from tests.deploy.named import ALERTS, RULES, exposed, names_in
from tests.deploy.tools import DEPLOY, needs, said

GATEWAY = {"instance": "gateway:8081", "job": "leadwire", "role": "gateway"}
UP = 'up{instance="gateway:8081", job="leadwire", role="gateway"}'
OTHER_UP = 'up{instance="ledger:8081", job="leadwire", role="ledger"}'
WRITABLE = 'leadwire_log_writable{instance="gateway:8081"}'
STORE = 'leadwire_store_writable{instance="gateway:8081"}'
FREE = 'leadwire_log_free_bytes{instance="gateway:8081"}'
STOPPED = 'leadwire_connector_state{connector="lsq", state="stopped"}'
PAUSED = 'leadwire_connector_state{connector="lsq", state="paused"}'
BREAKER = 'leadwire_breaker_open{connector="lsq"}'
HELD = 'leadwire_lease_held{connector="lsq", instance="connectors:8081"}'
MARGIN = 'leadwire_retention_margin_seconds{connector="lsq", instance="gateway:8081"}'
OLDEST = 'leadwire_oldest_unsettled_seconds{connector="lsq"}'
LETTERS = 'leadwire_dead_letters_total{connector="lsq", code="lead_not_linked"}'
CALLS = 'leadwire_requests_total{dialect="noojee", status="200"}'
BROKEN = 'leadwire_rules_refused{instance="gateway:8081"}'
BUSY = 'leadwire_refusals_total{dialect="noojee", reason="busy"}'
UNKNOWN = 'leadwire_refusals_total{dialect="noojee", reason="unauthenticated"}'

LSQ = {"connector": "lsq"}
NOOJEE = {"dialect": "noojee"}
INSTANCE = {"instance": "gateway:8081"}
LETTER = {"connector": "lsq", "code": "lead_not_linked"}


@dataclass(frozen=True, slots=True)
class Row:
    """What was scraped each minute from 0 on, in promtool's notation, and whether an alert fires
    then."""

    alert: str
    at: str
    series: Mapping[str, str]
    labels: Mapping[str, str] | None = None
    """Of the alert that fires, without its severity; None: it doesn't."""


ROWS = (
    Row("LeadwireDown", "3m", {UP: "1 0+0x9"}, GATEWAY),
    Row("LeadwireDown", "3m", {UP: "1 0 1+0x9"}),
    Row("LeadwireGone", "3m", {UP: "0+0x9", OTHER_UP: "0+0x9"}, {}),
    Row("LeadwireGone", "3m", {}, {}),
    Row("LeadwireGone", "3m", {UP: "0+0x9", OTHER_UP: "1+0x9"}),
    Row("LeadwireLogNotWritable", "3m", {WRITABLE: "1 0+0x9"}, INSTANCE),
    Row("LeadwireLogNotWritable", "3m", {WRITABLE: "1 0 1+0x9"}),
    Row("LeadwireStoreNotWritable", "3m", {STORE: "1 0+0x9", WRITABLE: "1+0x9"}, INSTANCE),
    Row("LeadwireStoreNotWritable", "3m", {STORE: "1 0+0x9", WRITABLE: "1 0+0x9"}),
    Row("LeadwireLogNearlyFull", "9m", {FREE: "4e9-4e8x9"}),
    Row("LeadwireLogNearlyFull", "12m", {FREE: "4e9-4e8x9 1e8+0x9"}, INSTANCE),
    Row("LeadwireLogNearlyFull", "9m", {FREE: "0+0x9"}),
    Row("LeadwireConnectorStopped", "3m", {STOPPED: "1+0x9"}, LSQ),
    Row("LeadwireConnectorStopped", "3m", {STOPPED: "1 0+0x9", PAUSED: "0 1+0x9"}),
    Row("LeadwireConnectorPaused", "61m", {PAUSED: "1+0x90"}, LSQ),
    Row("LeadwireConnectorPaused", "59m", {PAUSED: "1+0x90"}),
    Row("LeadwireBreakerOpen", "16m", {BREAKER: "1+0x20"}, LSQ),
    Row("LeadwireBreakerOpen", "16m", {BREAKER: "1 1 1 0 1+0x20"}),
    Row("LeadwireNobodyRunsConnector", "3m", {MARGIN: "1e6+0x9", HELD: "1 0+0x9"}, LSQ),
    Row("LeadwireNobodyRunsConnector", "3m", {MARGIN: "1e6+0x9"}, LSQ),
    Row("LeadwireNobodyRunsConnector", "3m", {MARGIN: "1e6+0x9", HELD: "1+0x9"}),
    Row("LeadwireUpdatesLate", "9m", {OLDEST: "3601+60x9"}, LSQ),
    Row("LeadwireUpdatesLate", "9m", {OLDEST: "3000+60x3 0+0x9"}),
    Row("LeadwireDeadLetters", "20m", {LETTERS: "3+1x30"}, LETTER),
    Row("LeadwireDeadLetters", "5m", {LETTERS: "_x3 11+0x9"}, LETTER),
    Row("LeadwireDeadLetters", "40m", {LETTERS: "_x3 11+0x60"}),
    Row("LeadwireDeadLetters", "20m", {LETTERS: "3+0x30"}),
    Row("LeadwireRetentionMargin", "16m", {MARGIN: "604799-60x20"}, LSQ),
    Row("LeadwireRetentionMargin", "16m", {MARGIN: "604801+0x20"}),
    Row("LeadwireRulesBroken", "7m", {BROKEN: "1+0x9"}, INSTANCE),
    Row("LeadwireRulesBroken", "7m", {BROKEN: "1 1 1 0 1+0x9"}),
    Row("LeadwireBusy", "11m", {CALLS: "0+94x20", BUSY: "0+6x20"}, NOOJEE),
    Row("LeadwireBusy", "11m", {CALLS: "0+96x20", BUSY: "0+4x20", UNKNOWN: "0+50x20"}),
    Row("LeadwireRefusals", "21m", {CALLS: "0+100x30", UNKNOWN: "0+21x30"}, NOOJEE),
    Row("LeadwireRefusals", "21m", {CALLS: "0+100x30", UNKNOWN: "0+19x30", BUSY: "0+50x30"}),
)


def filled(text: str, labels: Mapping[str, str]) -> str:
    """An annotation with an alert's labels in it."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)


def as_promtool_has_it(row: Row) -> dict[str, Any]:
    """A row as a test of promtool's."""
    rule = next(rule for rule in RULES if rule["alert"] == row.alert)
    fired = []
    if row.labels is not None:
        told = {name: filled(text, row.labels) for name, text in rule["annotations"].items()}
        fired = [{"exp_labels": {**row.labels, **rule["labels"]}, "exp_annotations": told}]
    wanted = {"eval_time": row.at, "alertname": row.alert, "exp_alerts": fired}
    series = [{"series": name, "values": values} for name, values in row.series.items()]
    return {"interval": "1m", "input_series": series, "alert_rule_test": [wanted]}


@needs("promtool")
def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    """With these labels, and these words in their annotations."""
    tests = [as_promtool_has_it(row) for row in ROWS]
    document = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}
    file = tmp_path / "rows.yaml"
    file.write_text(yaml.safe_dump(document), "utf-8")
    code, told = said("promtool", "test", "rules", str(file))
    assert code == 0, told


def test_every_alert_is_seen_to_fire_and_not_to_fire() -> None:
    """In a row each, at least."""
    names = {rule["alert"] for rule in RULES}
    firing = {row.alert for row in ROWS if row.labels is not None}
    assert (firing, {row.alert for row in ROWS if row.labels is None}) == (names, names)


@needs("promtool")
def test_prometheus_takes_rules_and_configuration() -> None:
    """By its own check of both."""
    for arguments in (("check", "rules", str(ALERTS)), ("check", "config", "prometheus.yml")):
        code, told = said("promtool", *arguments, cwd=DEPLOY)
        assert code == 0, told


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_speaks_of_what_there_is(rule: dict[str, Any]) -> None:
    """Metrics, states, and a severity that somebody can route by."""
    assert names_in(rule["expr"]) - set(exposed()) == set()
    assert set(re.findall(r'state="(\w+)"', rule["expr"])) - set(STATES) == set()
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "runbook"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_what_a_runbook_says_can_be_typed(rule: dict[str, Any]) -> None:
    """Its commands and their options are the program's."""
    program = typer.main.get_command(application())
    assert isinstance(program, TyperGroup)
    for name, second, rest in re.findall(
        r"\bleadwire ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?([^;,.]*)", rule["annotations"]["runbook"]
    ):
        command = program.commands[name]
        if isinstance(command, TyperGroup):
            command = command.commands[second]
        options = {word for parameter in command.params for word in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest.partition(" leadwire ")[0])) - options == set()
