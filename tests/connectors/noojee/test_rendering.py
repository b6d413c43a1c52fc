"""A canonical event to a body of UpdateLeadFast."""

from __future__ import annotations

import pytest

from connectors.noojee import SAMPLE, wire
from connectors.noojee.mapping.rendering import Place, body_of, writing
from gateway.model.changes import CLEAR, KEEP, Change, Set
from gateway.model.json import JsonObject
from tests.connectors.noojee.calls import as_event, asked, event

MELBOURNE = Place("AU", "Australia/Melbourne")
KNOWN_CALLBACK = {"callback.at": "2026-11-30T22:30:00Z"}


def body(
    changes: dict[str, Change],
    attributes: JsonObject | None = None,
    known: JsonObject | None = None,
) -> JsonObject:
    """The body for another dialect's event, with the default settings."""
    return body_of(event(changes, attributes), known or {}, writing(), MELBOURNE).fields


@pytest.mark.parametrize(
    "said",
    [
        wire.read_fields(SAMPLE.body),
        {"MobileX": 491570006, "njDisposition": "Sale", "njCallBackDate": "2026/12/01 09:30",
         "njPriority": "7", "njContactHours": "Business", "EMAIL": "", "Loan": {"a": None},
         "PostCode": 3064, "note": None, "City": "<No Change>"},
    ],
)  # fmt: skip
def test_a_noojee_call_is_given_back_as_it_came(said: JsonObject) -> None:
    """Names and values, to the letter of a JSON number."""
    given = body_of(as_event(asked(said)), {}, writing(), MELBOURNE)
    assert given.fields == said
    assert given.dropped == []


def test_n_08_the_callback_is_sent_in_the_pages_spelling() -> None:
    """Whatever the caller's was; so is the disposition's."""
    said = {"Phone": "1", "njDispositon": "Sale", "njcallbackdate": "2026/12/01",
            "njcallbacktime": "09:30"}  # fmt: skip
    assert body_of(as_event(asked(said)), {}, writing(), MELBOURNE).fields == {
        "Phone": "1",
        "njDisposition": "Sale",
        "njCallBackDate": "2026/12/01 09:30",
    }


def test_n_15_a_priority_that_is_none_is_not_sent_on() -> None:
    """It is listed as left out."""
    given = body_of(
        as_event(asked({"Phone": "1", "njDisposition": "A", "njPriority": 500})),
        {}, writing(), MELBOURNE,
    )  # fmt: skip
    assert given.fields == {"Phone": "1", "njDisposition": "A"}
    assert given.dropped == ["njPriority"]


def test_another_dialects_event_is_said_in_canonical_values() -> None:
    """Phones in E.164, the date local, the received forms not repeated."""
    assert body(
        {
            "full_name": Set("Jane Smith"),
            "phones.primary": Set("0383218199", "+61383218199"),
            "phones.secondary": Set("ask at the desk"),
            "email": CLEAR,
            "address.city": KEEP,
            "disposition": Set("Sale"),
            "callback.at": Set("2026-11-30T22:30:00Z", raw="2026-11-30 22:30:00"),
            "priority": Set(7, raw="URGENT"),
        }
    ) == {
        "Name": "Jane Smith",
        "FirstPhone": "+61383218199",
        "SecondPhone": "ask at the desk",
        "Email": "",
        "njPriority": 7,
        "njDisposition": "Sale",
        "njCallBackDate": "2026/12/01 09:30",
    }


def test_a_body_always_has_a_disposition_and_a_phone_field() -> None:
    """`<No Change>` where the event names none."""
    assert body({"full_name": Set("J")}) == {
        "Name": "J",
        "FirstPhone": "<No Change>",
        "njDisposition": "<No Change>",
    }


def test_n_06_the_known_callback_is_sent_again() -> None:
    """Because leaving it out would make the lead new."""
    sent = body({"disposition": Set("Sale")}, known=KNOWN_CALLBACK)
    assert sent["njCallBackDate"] == "2026/12/01 09:30"


def test_a_cleared_callback_is_not_sent() -> None:
    """Silence is how this vendor is told."""
    sent = body({"callback.at": CLEAR}, known=KNOWN_CALLBACK)
    assert sent == {"FirstPhone": "<No Change>", "njDisposition": "<No Change>"}


def test_the_known_callback_is_written_in_the_zone_it_was_read_in() -> None:
    """That of the lead's contact hours."""
    known: JsonObject = {**KNOWN_CALLBACK, "contact_hours": "Australia/Perth"}
    assert body({"disposition": Set("A")}, known=known)["njCallBackDate"] == "2026/12/01 06:30"


def test_what_this_vendor_has_no_field_for_is_listed() -> None:
    """Fields and attributes without a name, lists, and a callback that is no time."""
    given = body_of(
        event(
            {"full_name": Set("J"), "status": Set("new"), "tags": Set(["a"]), "note": KEEP,
             "priority": CLEAR, "disposition": CLEAR, "callback.at": Set("soon")},
            {"mx_Loan": 1, "Rank": {"a": 1}, "Gone": None},
        ),
        {},
        writing({"tags": "Tags", "Rank": "Rank", "Gone": "Was"}),
        MELBOURNE,
    )  # fmt: skip
    assert given.fields == {
        "Name": "J", "Was": "", "FirstPhone": "<No Change>", "njDisposition": "<No Change>"
    }  # fmt: skip
    assert given.dropped == [
        "status", "tags", "priority", "mx_Loan", "Rank", "disposition", "callback.at"
    ]  # fmt: skip


def test_attributes_are_sent_by_name_or_when_asked() -> None:
    """`fields` names them; `unmapped: send` sends the rest as they are."""
    given = event({}, {"Loan": 1, "mx_Rank": "A"})
    named = writing({"mx_Rank": "Rank"}, unmapped="send")
    assert body_of(given, {}, named, MELBOURNE).fields == {
        "Loan": 1,
        "Rank": "A",
        "FirstPhone": "<No Change>",
        "njDisposition": "<No Change>",
    }


def test_settings_name_fields_phones_and_contact_hours() -> None:
    """The connector's words go before the defaults."""
    how = writing({"full_name": "Kunde"}, ["Tel1", "Tel2", "Tel3"], "njTimezone")
    changes: dict[str, Change] = {
        "full_name": Set("J"),
        "phones.primary": Set("1"),
        "phones.secondary": KEEP,
        "phones.tel3": CLEAR,
        "contact_hours": Set("Business"),
    }
    assert body_of(event(changes), {}, how, MELBOURNE).fields == {
        "Kunde": "J",
        "Tel1": "1",
        "Tel2": "<No Change>",
        "Tel3": "",
        "njTimezone": "Business",
        "njDisposition": "<No Change>",
    }


def test_an_event_with_nothing_for_this_vendor_says_nothing() -> None:
    """Only what is always sent would be sent."""
    given = body_of(event({"status": Set("new"), "phones.primary": KEEP}), {}, writing(), MELBOURNE)
    assert (given.says, given.dropped) == (False, ["status"])


def test_whose_word_the_unchanged_disposition_is() -> None:
    """Ours, unless the caller said it."""
    said = as_event(asked({"Phone": "1", "njDisposition": "<No Change>"}))
    silent = as_event(asked({"Phone": "1"}))
    other = event({"full_name": Set("J"), "disposition": KEEP})
    ours = [body_of(e, {}, writing(), MELBOURNE).kept_by_us for e in (said, silent, other)]
    assert ours == [False, True, True]
