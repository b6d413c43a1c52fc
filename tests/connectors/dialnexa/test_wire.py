"""Dialnexa's bytes: what is read is what was written, and answers are the vendor's own bytes."""

from __future__ import annotations

from urllib.parse import unquote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dialnexa import wire
from connectors.dialnexa.wire import DialnexaUpdate, Reply, Unreadable, Violation
from tests.connectors.dialnexa.calls import capture
from tests.gateway.model import strategies

UPDATES = st.builds(
    DialnexaUpdate, strategies.some, st.dictionaries(strategies.text, strategies.values, max_size=5)
)


@given(update=UPDATES)
def test_what_is_rendered_is_read_back(update: DialnexaUpdate) -> None:
    """parse(render(x)) == x, the id in the path included."""
    path, body = wire.render(update)
    assert path.startswith("/v1/campaigns-leads/")
    assert wire.parse(unquote(path.rpartition("/")[2]), body) == update


def test_the_pages_request_is_read_and_breaks_no_rule() -> None:
    """The sample with a corrected number."""
    update = wire.parse("cmp_5tw8vz2rnx1q", capture("update_request"))
    assert update == DialnexaUpdate("cmp_5tw8vz2rnx1q", {"phone_number": "+919876543211"})
    assert wire.violations(update) == []


def test_the_pages_way_of_adding_a_lead_gives_the_pages_number() -> None:
    """`9876543210` and `+91` are shown as `+919876543210`."""
    update = wire.parse("", capture("add_request"))
    phone = wire.phone_of(update.fields)
    answer = orjson.loads(capture("update_answer_schema_block"))
    assert phone is not None
    assert phone.e164 == answer["phone_number"]
    assert (wire.violations(update), wire.holder_of(update.fields)) == ([], "notes")


def test_the_schema_blocks_words_are_no_number() -> None:
    """`<string>` stands for a value there, and is refused as one."""
    update = wire.parse("lead_1", capture("update_schema_block"))
    assert wire.violations(update) == [
        Violation("phoneNumber", "<string>", "phoneNumber must be in E.164 format")
    ]


def test_no_body_is_an_empty_object() -> None:
    """Every field is optional."""
    assert wire.parse("lead_1", b"") == wire.parse("lead_1", b"{}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "Request body is not valid JSON"),
        (b"\xff", "Request body is not valid JSON"),
        (b"[]", "Request body must be a JSON object"),
        (b'{"notes":' * 65 + b"1" + b"}" * 65, "Request body is nested deeper than 64 levels"),
    ],
)
def test_what_is_no_object_is_unreadable(body: bytes, message: str) -> None:
    """Broken, foreign or bottomless JSON."""
    with pytest.raises(Unreadable) as raised:
        wire.parse("lead_1", body)
    assert str(raised.value) == message


def test_64_levels_are_read() -> None:
    """The deepest body taken."""
    body = b'{"notes":' * 64 + b"1" + b"}" * 64
    assert list(wire.parse("lead_1", body).fields) == ["notes"]


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"name": 7}, ["name must be a string"]),
        ({"metadata": []}, ["metadata must be an object"]),
        ({"metadata": "x"}, ["metadata must be an object"]),
        ({"notes": 7}, ["notes must be an object or a string"]),
        ({"metadata": {}, "notes": []}, ["notes must be an object or a string"]),
        ({"name": None, "notes": "x", "metadata": {"a": 1.5, "b": None}}, []),
        (
            {"notes": {"a": {}}, "phone_number": None, "name": []},
            [
                "name must be a string",
                "phone_number must be in E.164 format",
                "notes.a must be a string, a number or a boolean",
            ],
        ),
    ],
)
def test_each_broken_rule_has_a_sentence(body: object, messages: list[str]) -> None:
    """Name, phone, variables, notes: in this order."""
    broken = wire.violations(wire.parse("lead_1", orjson.dumps(body)))
    assert [each.message for each in broken] == messages


@pytest.mark.parametrize("name", ["error_one_field", "error_fields", "error_unauthorized"])
def test_an_error_is_the_pages_bytes(name: str) -> None:
    """Key order included."""
    sample = orjson.loads(capture(name))
    assert wire.failure(sample["statusCode"], sample["message"]) == orjson.dumps(sample)


def test_the_whole_answers_are_the_pages_bytes() -> None:
    """401, 429 and the removal."""
    for mine, name in (
        (wire.UNAUTHORIZED, "error_unauthorized"),
        (wire.TOO_MANY_REQUESTS, "error_rate"),
        (wire.REMOVED_ANSWER, "remove_answer"),
    ):
        assert mine == orjson.dumps(orjson.loads(capture(name)))


LEAD = {"id": "lead_1", "status": "pending"}


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (LEAD, Reply(None, (), LEAD)),
        ({"statusCode": 200, "data": LEAD}, Reply(200, (), LEAD)),
        ({"statusCode": 200, "data": None}, Reply(200, (), None)),
        ({"data": LEAD}, Reply(None, (), None)),
        ({**LEAD, "statusCode": 404, "message": "no"}, Reply(404, ("no",), None)),
        ({"statusCode": True, "message": ["a", 7, "b"]}, Reply(None, ("a", "b"), None)),
        ({"statusCode": "404", "message": {}}, Reply(None, (), None)),
        ([], None),
        (b"<html>", None),
        (b'{"a":' * 65 + b"1" + b"}" * 65, None),
    ],
)
def test_an_answer_is_read_bare_or_wrapped(body: object, reply: Reply | None) -> None:
    """And what is none is told from one."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    assert wire.read_reply(raw) == reply


@pytest.mark.parametrize("name", ["update_answer_schema_block", "update_answer_example"])
def test_both_shapes_of_the_page_are_a_lead(name: str) -> None:
    """As they stand there."""
    assert wire.read_reply(capture(name)) == Reply(None, (), orjson.loads(capture(name)))
