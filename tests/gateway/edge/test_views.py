"""The lead as we know it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.database.sqlite import SqliteDatabase
from gateway.dialect import Accepted, Dialect, Settled
from gateway.edge.native.speech import NativeDialect
from gateway.edge.views import Views, overlaid
from gateway.model.changes import CLEAR, KEEP, Changes, Set
from gateway.model.codes import Code
from gateway.model.event import Attributes, LeadId, LeadUpdate, Origin, TriggerWishes
from gateway.model.json import JsonValue
from gateway.model.outcome import Kind, Outcome
from gateway.store.port import Store

POLLYBOT = cast(Dialect, SimpleNamespace(name="pollybot", wants_lead=True))
NOOJEE = cast(Dialect, SimpleNamespace(name="noojee", wants_lead=False))


def update(changes: Changes, attributes: Attributes | None = None) -> LeadUpdate:
    """An update of one lead."""
    return LeadUpdate(
        "e1", "2026-01-02T03:04:05.678Z", "t", "ld_1", (LeadId("polly", "lead_1"),), changes,
        attributes or Attributes(), TriggerWishes(), Origin("pollybot", "update", "polly"),
        ("polly",), "polly",
    )  # fmt: skip


def outcome() -> Outcome:
    """A refusal by PollyBot that names another of its leads."""
    told = {"existing_lead_id": "lead_2", "field": "email"}
    return Outcome("e1", "polly", Kind.REJECTED, Code.DUPLICATE_EMAIL, "t", "ld_1", details=told)


def test_an_update_lies_on_top_of_what_is_known() -> None:
    """Set and cleared fields show, kept and cleared ones before do not; attributes merge."""
    known: dict[str, JsonValue] = {
        "full_name": {"op": "set", "value": "Old"},
        "email": {"op": "set", "value": "a@example.com"},
        "company": {"op": "clear"},
        "phones.primary": {"op": "set", "value": "1"},
        "attributes.a": {"op": "set", "value": {"x": 1}},
        "attributes.b": {"op": "set", "value": 2},
    }
    changes: Changes = {"full_name": Set("New"), "phones.primary": CLEAR, "email": KEEP}
    attributes = Attributes("merge", {"a": {"y": 2}, "b": None})
    assert overlaid(known, update(changes, attributes)) == {
        "full_name": "New",
        "email": "a@example.com",
        "phones.primary": None,
        "attributes": {"a": {"x": 1, "y": 2}},
        "id": "lead_1",
    }


def test_replaced_attributes_hide_those_before() -> None:
    """`replace` is whole."""
    known: dict[str, JsonValue] = {"attributes.a": {"op": "set", "value": 1}}
    view = overlaid(known, update({}, Attributes("replace", {"b": 2})))
    assert view == {"attributes": {"b": 2}, "id": "lead_1"}


@pytest.fixture
async def views(tmp_path: Path) -> AsyncIterator[Views]:
    """Views over an empty store."""
    database = SqliteDatabase(str(tmp_path / "views.db"))
    store = Store(database)
    await store.start()
    yield Views(store, {"polly": "pollybot"})
    await database.close()


async def test_ids_of_another_vendor_are_not_shown(views: Views) -> None:
    """In its own dialect an outcome is told as it is."""
    settled = Settled("e1", outcome())
    assert views.translated(POLLYBOT, settled) is settled
    told = views.translated(NOOJEE, settled)
    assert isinstance(told, Settled)
    assert (told.outcome.details, told.outcome.snapshot) == (
        {"existing_lead_id": None, "field": "email"},
        None,
    )
    accepted = Accepted("e1")
    assert views.translated(NOOJEE, accepted) is accepted


@pytest.mark.parametrize(
    ("code", "words"), [(Code.DUPLICATE_EMAIL, ""), (Code.VALIDATION_FAILED, "Too long")]
)
async def test_words_of_another_vendor_are_told_where_only_they_tell(
    views: Views, code: Code, words: str
) -> None:
    """A dialect has its own for the other codes; our own API shows them whatever the code."""
    settled = Settled("e1", replace(outcome(), code=code, message="Too long"))
    told, native = (views.translated(d, settled) for d in (NOOJEE, NativeDialect()))
    assert isinstance(told, Settled)
    assert isinstance(native, Settled)
    assert (told.outcome.message, native.outcome.message) == (words, "Too long")


async def test_the_store_is_read_only_where_the_lead_is_wanted(views: Views) -> None:
    """None for a dialect without one; what we know, for one that has."""
    event = update({"full_name": Set("New")})
    assert await views.of(NOOJEE, [event]) == []
    known = {"full_name": "New", "attributes": {}, "id": "lead_1"}
    assert await views.of(POLLYBOT, [event]) == [known]


async def test_a_store_that_is_away_costs_only_what_it_knows(views: Views) -> None:
    """The update itself is shown."""
    await views._store.database.close()
    event = update({"full_name": Set("New")})
    known = {"full_name": "New", "attributes": {}, "id": "lead_1"}
    assert await views.of(POLLYBOT, [event]) == [known]
