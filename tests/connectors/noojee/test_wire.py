"""Bytes of UpdateLeadFast."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.noojee import SAMPLE, wire

_TEXT = st.text(st.characters(codec="utf-8")).filter(lambda text: text == text.strip())
_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT
_TARGETS = st.builds(
    wire.Target,
    st.none() | _TEXT,
    st.none() | _TEXT,
    st.none() | _TEXT,
    st.none() | _TEXT,
    st.none() | _TEXT,
)
_UPDATES = st.builds(wire.NoojeeUpdate, _TARGETS, st.dictionaries(_TEXT, _SCALARS))

ERRORS = [
    (0, "OK", 200),
    (101, "COULDNT_FIND_THE_LEAD", 400),
    (102, "NO_PHONE_FIELDS", 400),
    (103, "EXCEPTION", 500),
    (104, "DNC", 400),
    (105, "DUPLICATE", 400),
    (106, "INVALID_DISPOSTION", 400),
    (107, "DISPOSTION_ISNT_SET_AND_NOCHANGE_SPECIFIED", 400),
    (108, "IMPORT_BUT_NOCHANGE_SPECIFIED", 400),
    (109, "TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS", 400),
    (110, "LEAD_NOT_UPDATED_DUE_TO_CONFLICT", 400),
    (111, "INVALID_TIMEZONE_SPECIFIED", 400),
    (112, "DUPLICATE_EXTERNAL_ID", 400),
    (113, "EDIT_BUT_NO_EXTERNAL_ID_SUPPLIED", 400),
    (114, "INVALID_CALLBACK_DATE_FORMAT", 400),
    (115, "ALLOCATIN_ID_REQUIRED", 400),
    (116, "TEMPLATE_ID_REQUIRED", 400),
    (117, "CAMPAIGN_ID_REQUIRED", 400),
]


@given(_UPDATES)
def test_what_is_rendered_is_parsed_to_the_same(update: wire.NoojeeUpdate) -> None:
    """Round trip of query and body."""
    query, body = wire.render(update)
    assert wire.parse(query, body) == update


def test_the_pages_sample_is_parsed_whole() -> None:
    """Every parameter and field of the published call."""
    update = wire.parse(SAMPLE.query, SAMPLE.body)
    assert update == wire.NoojeeUpdate(
        wire.Target("9856", "38", "41", "41", "f863246a-973e-11e6-8784-08002718f5b5"),
        {
            "Name": "Jane Smith",
            "StreetAddress": "Suite 8/10 Hoddle St",
            "City": "Abbotsford",
            "State": "Vic",
            "PostCode": "3064",
            "FirstPhone": "0383218199",
            "SecondPhone": "<No Change>",
            "njDisposition": "Sale",
        },
    )


@pytest.mark.parametrize(("code", "message", "status"), ERRORS)
def test_n_09_every_answer_has_the_documented_bytes(code: int, message: str, status: int) -> None:
    """Misspellings are the vendor's, and its callers compare strings."""
    row = wire.REPLIES[code]
    expected = f'{{"code":{code},"message":"{message}"}}'.encode()
    assert (row.body, row.status) == (expected, status)


def test_the_table_has_no_other_answers() -> None:
    """There is no 100, and nothing above 117."""
    assert [row.code for row in wire.TABLE] == [code for code, _, _ in ERRORS]


def test_n_10_an_exception_is_500() -> None:
    """The later revision of the page, not the early one that said 400."""
    assert wire.REPLIES[103].status == 500


def test_n_11_overload_and_conflict_have_their_names() -> None:
    """The rows whose cells some copies of the page lost."""
    assert (wire.REPLIES[109].body, wire.REPLIES[110].body) == (
        b'{"code":109,"message":"TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS"}',
        b'{"code":110,"message":"LEAD_NOT_UPDATED_DUE_TO_CONFLICT"}',
    )


def test_n_12_a_conflict_and_an_unknown_lead_are_400() -> None:
    """Not 409 and not 404."""
    assert (wire.REPLIES[110].status, wire.REPLIES[101].status) == (400, 400)


@pytest.mark.parametrize(
    "text", ["<No Change>", "<NO CHANGE>", "<no change>", " <No   Change> ", "< No Change >"]
)
def test_n_01_the_sentinel_is_read_in_any_case_and_spacing(text: str) -> None:
    """The page spells it in two ways."""
    assert wire.is_no_change(text)


@pytest.mark.parametrize("value", ["No Change", "<NoChange>", "<No Change", "", None, 0, ["<"]])
def test_what_is_not_the_sentinel_is_a_value(value: str | int | list[str] | None) -> None:
    """The angle brackets are required."""
    assert not wire.is_no_change(value)


def test_n_03_spaces_around_a_parameters_name_are_not_part_of_it() -> None:
    """`& apiKey=` in the page's sample, and any case."""
    target = wire.read_target([(" apiKey", " k "), ("FALLOCATIONID", "38"), ("apikey", "later")])
    assert target == wire.Target(allocation_id="38", api_key="k")


def test_a_query_is_encoded_in_the_samples_order() -> None:
    """Texts that would end a parameter are escaped."""
    target = wire.Target("98&56 +é", "38", "41", "40", "k")
    assert wire.encode_query(target) == (
        "fTemplateId=40&fCampaignId=41&fAllocationId=38"
        "&njExternalLeadId=98%2656%20%2B%C3%A9&apiKey=k"
    )


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"\xff"])
def test_a_body_that_is_no_object_is_no_call(body: bytes) -> None:
    """Arrays and texts included."""
    with pytest.raises(ValueError):
        wire.read_fields(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"code":0,"message":"OK"}', (0, "OK")),
        (b'{"code":101,"message":null,"type":"x","entities":[]}', (101, "")),
        (b'{"code":0}', (0, "")),
        (b'{"code":"0"}', None),
        (b'{"code":true}', None),
        (b"<html></html>", None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_answers_are_read_by_code(body: bytes, expected: tuple[int, str] | None) -> None:
    """The vendor's own client reads `code` alone."""
    assert wire.read_reply(body) == expected


def test_a_record_in_a_message_shows_neither_key_nor_person() -> None:
    """Its repr."""
    shown = repr(wire.parse([("apiKey", "secret-key")], orjson.dumps({"Email": "j@example.com"})))
    assert "secret-key" not in shown
    assert "example.com" not in shown
