"""PollyBot's bytes: what is read is what was written, and answers are the vendor's own bytes."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.pollybot import wire
from connectors.pollybot.wire import Generation, PollyBotUpdate, Unreadable, Violation

Capture = Callable[[str], bytes]

REQUESTS = (
    "curl",
    "example_complete",
    "example_metadata_and_notes",
    "example_status_and_phone",
    "javascript_metadata",
    "javascript_multiple",
    "javascript_status",
    "python_helper",
    "python_metadata",
    "python_status",
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
UPDATES = st.builds(
    PollyBotUpdate,
    st.just(Generation.GEN1),
    TEXT.filter(bool),
    st.dictionaries(TEXT, JSON, max_size=5),
) | st.builds(
    PollyBotUpdate,
    st.just(Generation.GEN2),
    TEXT.filter(bool),
    st.dictionaries(TEXT, JSON, max_size=5),
    TEXT.filter(bool),
)


@given(update=UPDATES)
def test_what_is_rendered_is_read_back(update: PollyBotUpdate) -> None:
    """parse(render(x)) == x, ids in the path included."""
    path, body = wire.render(update)
    parts = path.split("/")
    chatbot = unquote(parts[4]) if update.generation is Generation.GEN2 else ""
    assert wire.parse(update.generation, unquote(parts[-1]), body, chatbot) == update


@pytest.mark.parametrize("name", REQUESTS)
def test_every_sample_of_the_page_is_read_whole_and_breaks_no_rule(
    capture: Capture, name: str
) -> None:
    """The fields of each sample, in its order, and no violation."""
    body = capture(name)
    update = wire.parse(Generation.GEN1, "lead_1", body)
    assert wire.violations(update) == []
    assert wire.render(update)[1] == orjson.dumps(orjson.loads(body))


def test_absent_null_and_a_value_are_three_things() -> None:
    """A record holds what was said and nothing else."""
    update = wire.parse(Generation.GEN1, "lead_1", b'{"phone":null,"source":"web"}')
    assert dict(update.fields) == {"phone": None, "source": "web"}


def test_no_body_is_an_empty_object() -> None:
    """Zero bytes say nothing, as `{}` does."""
    assert wire.parse(Generation.GEN1, "lead_1", b"").fields == {}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "Request body is not valid JSON"),
        (b"\xff", "Request body is not valid JSON"),
        (b"[]", "Request body must be a JSON object"),
        (b'"x"', "Request body must be a JSON object"),
        (
            b'{"metadata":' * 65 + b"1" + b"}" * 65,
            "Request body is nested deeper than 64 levels",
        ),
    ],
)
def test_what_is_no_object_is_unreadable(body: bytes, message: str) -> None:
    """Broken, foreign or bottomless JSON."""
    with pytest.raises(Unreadable) as raised:
        wire.parse(Generation.GEN1, "lead_1", body)
    assert str(raised.value) == message


def test_many_shallow_objects_are_not_deep() -> None:
    """The bound is on depth, not on number."""
    body = orjson.dumps({"metadata": {"list": [{} for _ in range(200)]}})
    assert len(wire.parse(Generation.GEN1, "lead_1", body).fields) == 1


def test_64_levels_are_read() -> None:
    """The deepest body taken."""
    body = b'{"metadata":' * 64 + b"1" + b"}" * 64
    assert list(wire.parse(Generation.GEN1, "lead_1", body).fields) == ["metadata"]


def test_the_success_answer_is_the_pages_bytes(capture: Capture) -> None:
    """Key order included."""
    sample = orjson.loads(capture("answer_200"))
    assert wire.success(sample["data"]) == orjson.dumps(sample)


def test_the_validation_answer_is_the_pages_bytes(capture: Capture) -> None:
    """The documented 400, made by the documented mistake."""
    update = wire.parse(Generation.GEN1, "lead_1", b'{"status":"invalid_status"}')
    (violation,) = wire.violations(update)
    assert wire.validation_failed(violation) == orjson.dumps(
        orjson.loads(capture("answer_400_status"))
    )


def test_the_conflict_answer_is_the_pages_bytes(capture: Capture) -> None:
    """The documented 409."""
    assert wire.duplicate_email("existing@example.com", "lead_another123") == orjson.dumps(
        orjson.loads(capture("answer_409_email"))
    )


def test_the_404_and_401_answers_are_the_vendors_bytes() -> None:
    """As its pages on errors and authentication print them."""
    assert wire.lead_not_found("lead_9") == (
        b'{"success":false,"error":"Lead not found","code":"LEAD_NOT_FOUND","details":'
        b'{"leadId":"lead_9","message":"No lead found with this ID in your workspace"}}'
    )
    assert wire.MISSING_AUTH_HEADER == (
        b'{"success":false,"error":"Missing authorization header","code":"MISSING_AUTH_HEADER"}'
    )


@pytest.mark.parametrize(
    ("generation", "field", "value", "message"),
    [
        ("gen1", "name", "  ", "Name must not be empty"),
        ("gen1", "name", 7, "Name must be a string"),
        ("gen1", "email", "nobody", "Email must be a valid email address"),
        ("gen1", "email", "a b@example.com", "Email must be a valid email address"),
        ("gen1", "metadata", [1], "Metadata must be an object"),
        ("gen1", "source", {}, "Source must be a string"),
        ("gen2", "name", "x" * 101, "Name must be at most 100 characters"),
        ("gen2", "discord", "x" * 51, "Discord must be at most 50 characters"),
        ("gen2", "company", "x" * 101, "Company must be at most 100 characters"),
        ("gen2", "message", "x" * 1001, "Message must be at most 1000 characters"),
        ("gen2", "notes", "x" * 2001, "Notes must be at most 2000 characters"),
        (
            "gen2",
            "preferredMethod",
            "fax",
            "Preferred method must be one of: email, phone, discord",
        ),
        ("gen2", "urgency", "HIGH", "Urgency must be one of: low, medium, high"),
        ("gen2", "priority", "SOON", "Priority must be one of: LOW, MEDIUM, HIGH, URGENT"),
        ("gen2", "priority", 1, "Priority must be one of: LOW, MEDIUM, HIGH, URGENT"),
        ("gen2", "tags", "vip", "Tags must be an array of strings"),
        ("gen2", "tags", ["vip", 1], "Tags must be an array of strings"),
        ("gen2", "customFields", "x", "Custom fields must be an object"),
    ],
)
def test_each_rule_has_its_sentence(
    generation: str, field: str, value: object, message: str
) -> None:
    """One broken field, one violation with the value as sent."""
    update = wire.parse(Generation(generation), "lead_1", orjson.dumps({field: value}))
    found = wire.violations(update)
    assert [(each.field, each.value, each.message) for each in found] == [(field, value, message)]


def test_p_04_only_objects_are_metadata() -> None:
    """A merge patch of metadata is an object, or null for all of it."""
    update = wire.parse(Generation.GEN1, "lead_1", b'{"metadata":null}')
    assert wire.violations(update) == []


def test_p_05_name_and_email_are_never_null_and_the_others_may_be() -> None:
    """Required at creation, so not cleared by an update."""
    body = b'{"name":null,"email":null,"phone":null,"status":null,"source":null}'
    assert wire.violations(wire.parse(Generation.GEN1, "lead_1", body)) == [
        Violation("name", None, "Name cannot be null"),
        Violation("email", None, "Email cannot be null"),
    ]


def test_p_08_an_empty_body_is_a_call_to_gen1_and_none_to_gen2() -> None:
    """Gen-2 asks for at least one field; unknown and unchangeable ones are none."""
    assert wire.violations(wire.parse(Generation.GEN1, "lead_1", b"{}")) == []
    for body in (b"{}", b'{"id":"x"}', b'{"shoe_size":44}'):
        assert wire.violations(wire.parse(Generation.GEN2, "cl_1", body, "bot_1")) == [
            Violation("body", None, "At least one field must be provided")
        ]


@pytest.mark.parametrize("phone", ["+1-555-123-9999", "(02) 5550.1234", "0" * 7, "0" * 20])
def test_p_09_phones_of_digits_and_their_marks_are_taken(phone: str) -> None:
    """7 to 20 characters."""
    update = wire.parse(Generation.GEN1, "lead_1", orjson.dumps({"phone": phone}))
    assert wire.violations(update) == []


@pytest.mark.parametrize("phone", ["0" * 6, "0" * 21, "555-CALL-NOW", "+1 555 0100 x2", "-------"])
def test_p_09_other_phones_are_refused(phone: str) -> None:
    """Too short, too long, letters, or no digit at all."""
    update = wire.parse(Generation.GEN1, "lead_1", orjson.dumps({"phone": phone}))
    assert wire.violations(update) == [
        Violation("phone", phone, "Phone must be 7 to 20 digits, spaces or + - ( ) .")
    ]


def test_p_10_unknown_fields_break_no_rule() -> None:
    """No strictness is stated."""
    update = wire.parse(Generation.GEN1, "lead_1", b'{"shoe_size":44,"status":"new"}')
    assert wire.violations(update) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b"{}", b'{"success":"yes"}', b'{"success":1}']
)
def test_what_is_no_envelope_is_read_as_none(body: bytes) -> None:
    """An answer of something else."""
    assert wire.read_reply(body) is None


def test_an_envelope_of_odd_parts_is_still_read() -> None:
    """Parts of the wrong type count as absent."""
    assert wire.read_reply(
        b'{"success":false,"data":1,"error":2,"code":3,"details":4}'
    ) == wire.Reply(success=False, data=None, error="", code="", details={})
