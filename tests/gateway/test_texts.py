"""Whatever a text of an operator or a record holds, its reader takes it or says what is wrong."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.registry import VENDORS
from gateway.commands.leads import BadFile, read
from gateway.conditions import Condition
from gateway.edge.admin.asked import Refused, lead_id, moment, named_lead
from gateway.model import codec
from gateway.phones import e164
from gateway.routes import context
from gateway.settings import SettingsError, load
from gateway.settings.durations import seconds, written
from tests.contracts.wild import bent, texts, values
from tests.contracts.wild import written as as_json
from tests.gateway.model import strategies

wild = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

amounts = st.from_regex(r"\s*\d{1,400}(\.\d{1,20})?\s*(ms|s|m|h|d|w)\s*", fullmatch=True)


@wild
@given(amounts | texts | values)
def test_a_duration_is_finite_or_none(text: Any) -> None:
    """And can be written again."""
    try:
        read_as = seconds(text)
    except ValueError:
        return
    assert math.isfinite(read_as)
    assert seconds(written(read_as)) == pytest.approx(read_as, rel=1e-6, abs=1e-8)


@wild
@given(st.data())
def test_a_record_is_read_or_foreign(data: st.DataObject) -> None:
    """Records of every topic, whole, bent, and of another."""
    match data.draw(st.integers(0, 2)):
        case 0:
            update = data.draw(strategies.updates)
            headers, body = codec.update_headers(update), codec.update_data(update)
        case 1:
            outcome = data.draw(strategies.outcomes)
            headers, body = codec.outcome_headers(outcome), codec.outcome_data(outcome)
        case _:
            trigger = data.draw(strategies.triggers)
            headers, body = codec.trigger_headers(trigger), dict(trigger.data)
    kept = [header for header in headers if data.draw(st.integers(0, 9))]
    odd = {name for name, _ in headers if not data.draw(st.integers(0, 9))}
    changed = [(name, data.draw(texts) if name in odd else told) for name, told in kept]
    value = data.draw(st.binary(max_size=50) | bent(body).map(as_json))
    readers: tuple[Callable[..., object], ...] = (
        codec.read_update, codec.read_outcome, codec.read_trigger, codec.read_dead_letter,
        codec.structured,
    )  # fmt: skip
    for reader in readers:
        with suppress(ValueError):
            reader(changed, value)


CELLS = st.sampled_from(["lead", "system", "scope", "id", "email", "a=b;c=d", "=;=", "a"]) | texts


@wild
@given(st.binary(max_size=200) | st.lists(st.lists(CELLS, max_size=6), max_size=6))
def test_a_file_of_links_is_read_or_named(told: bytes | list[list[str]]) -> None:
    """With the line that is to blame; all rows, or none."""
    if isinstance(told, list):
        rows = [["lead", "system", "scope", "id"], *told]
        told = "\n".join(",".join(row) for row in rows).encode("utf-8", "replace")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "leads.csv")
        path.write_bytes(told)
        with suppress(BadFile):
            assert all(known.id for leads in read(path) for known in leads)


@wild
@given(texts, texts, texts)
def test_an_operators_words_are_taken_or_refused(one: str, other: str, scope: str) -> None:
    """Ids, scopes and times."""
    for asked in (
        lambda: lead_id(one, other, scope),
        lambda: named_lead(f"{one}:{other}", scope),
        lambda: moment(one, 0.0, "since"),
    ):
        with suppress(Refused):
            asked()
    assert (e164(one, "AU") or "+").startswith("+")


PARTS = st.sampled_from(
    [
        *("changes", "attributes", "lead.ids", "origin.scope", "tenant", "dialect", "triggers"),
        *("true", "1", "-9223372036854775808", "0", "1.5e308", "'a'", "has(attributes.a)", "size("),
        *(")", "[", "]", "+", "*", "/", "%", "==", "&&", "||", "!", "?", ":", ".", "in"),
        *(
            "all(x, x)",
            "matches('(a+)+$')",
            "attributes['a']",
            "timestamp('x')",
            "duration('1h')",
            "\\",
            '"',
        ),
    ]
)


@wild
@given(st.lists(PARTS, max_size=8).map(" ".join) | texts, strategies.updates)
def test_a_condition_holds_or_not(text: str, update: Any) -> None:
    """Or is none; an event of any shape decides it."""
    told: list[str] = []
    try:
        condition = Condition("r", text, lambda _, reason: told.append(reason))
    except ValueError:
        return
    assert condition.holds(context(update)) in {True, False}


LINES = st.sampled_from(
    [
        *("server:", "server: {port: 1, host: x}", "  port: 8080", "  max_body: 9e99", "tenants:"),
        *("  default:", "connectors: []", "  a: {vendor: noojee}", "routes:", "- {when: '1 +'}"),
        *("- *a", "&a [*a]", "<<: *a", "!!python/object:os.system x", "? [a]", "key: &k {k: *k}"),
        *("log: {url: '\\0'}", "log: {url: ${env:X}}", "admin: {token: ${file:/none}}", "\t"),
        *("---", "...", "retention: .inf", "log: {retention: 99999999999999999999d}", "1: 2"),
        *("server: {body_within: .nan}", "? : ?"),
    ]
)


@wild
@given(st.lists(LINES | texts, max_size=6).map("\n".join) | st.binary(max_size=100))
def test_a_configuration_is_loaded_or_its_faults_are_named(text: str | bytes) -> None:
    """File, line and what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "leadwire.yaml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
        with suppress(SettingsError):
            load(path, VENDORS, dict.fromkeys(["LEADWIRE_SERVER__PORT"], "1"))
