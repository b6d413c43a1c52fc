"""Where Dialnexa's page contradicts itself or is silent: what we do, by the README's numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from connectors.delivery.connector import Applied, Misconfigured, Refused, Unavailable
from connectors.dialnexa import wire
from gateway.dialect import Accepted, Fault, Invalid, Parsed
from gateway.model.changes import CLEAR, Set
from gateway.model.codes import Code
from gateway.model.event import Attributes
from gateway.model.outcome import Kind
from tests.connectors.dialnexa.calls import (
    DIALECT,
    LEAD,
    NUMBER,
    SEED,
    asked,
    attempt,
    backend,
    body_of,
    call,
    caller,
    capture,
    connector,
    exchange,
    foreign,
    own,
    patched,
    replied,
    settled,
    shown,
    talk,
    told,
)
from tests.contracts.vendors import EVENT_ID, ended


def refused(body: object, **settings: Any) -> tuple[Fault, ...]:
    """What is wrong with a call."""
    refusal = DIALECT.parse(call(), body_of(body), caller(**settings))
    assert isinstance(refusal, Invalid), refusal
    return refusal.faults


@pytest.mark.parametrize(
    ("body", "e164", "raw"),
    [
        ({"phone_number": NUMBER}, NUMBER, None),
        ({"phoneNumber": "9876543210", "countryCode": "+91"}, NUMBER, "9876543210"),
        ({"phoneNumber": "09876543210", "countryCode": "91"}, NUMBER, "09876543210"),
        ({"phoneNumber": "(0)98765-432.10", "countryCode": "+91"}, NUMBER, "(0)98765-432.10"),
        ({"phoneNumber": NUMBER, "countryCode": "+91"}, NUMBER, None),
        ({"phoneNumber": NUMBER}, NUMBER, None),
    ],
)
def test_d_1_a_number_is_read_whole_or_in_parts(
    body: dict[str, str], e164: str, raw: str | None
) -> None:
    """One leading 0 is dropped; the caller's own text is kept."""
    assert asked(body).changes == {"phones.primary": Set(e164, e164, raw)}


def test_d_1_phone_number_wins_over_the_parts() -> None:
    """Whatever those say."""
    update = asked({"phoneNumber": "1", "countryCode": 7, "phone_number": NUMBER})
    assert update.changes == {"phones.primary": Set(NUMBER, NUMBER)}
    assert (update.names, update.scope) == ({"phones.primary": "phone_number"}, {})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"phone_number": "9876543210"}, "phone_number"),
        ({"phone_number": "+91 98765 43210"}, "phone_number"),
        ({"phone_number": "+0123456789"}, "phone_number"),
        ({"phone_number": "+123456"}, "phone_number"),
        ({"phone_number": "+1234567890123456"}, "phone_number"),
        ({"phone_number": "+9198765４3210"}, "phone_number"),
        ({"phone_number": 919876543210}, "phone_number"),
        ({"phoneNumber": "9876543210"}, "phoneNumber"),
        ({"phoneNumber": "9876543210", "countryCode": "+0"}, "phoneNumber"),
        ({"phoneNumber": "9876543210", "countryCode": None}, "phoneNumber"),
        ({"phoneNumber": "+449876543210", "countryCode": "+91"}, "phoneNumber"),
        ({"phoneNumber": "call me", "countryCode": "+91"}, "phoneNumber"),
        ({"phoneNumber": None, "countryCode": "+91"}, "phoneNumber"),
    ],
)
def test_d_1_what_makes_no_e164_is_400(body: dict[str, Any], field: str) -> None:
    """Named by the field that holds it."""
    message = f"{field} must be in E.164 format"
    assert refused(body) == (Fault(Code.PHONE_INVALID, field, body[field], message),)


def test_d_2_a_country_code_alone_is_put_before_the_number_that_is_there() -> None:
    """The lead's own digits, another country."""
    there = backend(SEED)
    status, lead = shown(exchange({"countryCode": "+61"}, there))
    assert (status, lead["phone_number"]) == (200, "+619876543210")
    sent, _ = talk(own({"countryCode": "+61"}), backend(SEED))
    assert patched(sent) == {"phoneNumber": "9876543210", "countryCode": "+61"}


def test_d_2_a_country_code_that_is_there_already_changes_nothing() -> None:
    """And is no error."""
    there = backend(SEED)
    before = there.leads()
    assert exchange({"countryCode": "91"}, there).status == 200
    assert there.leads() == before


@pytest.mark.parametrize("number", [None, "12345", "+390612345678"])
def test_d_2_a_country_code_for_no_number_is_400(number: str | None) -> None:
    """Without one, with one that can't be read, with one that would lose a digit."""
    answer = exchange({"countryCode": "+61"}, backend({**SEED, "phone_number": number}))
    message = "Validation failed: countryCode must come with a phoneNumber"
    assert shown(answer) == (
        400, {"statusCode": 400, "message": message, "error": "Bad Request"},
    )  # fmt: skip


@pytest.mark.parametrize("code", ["", "India", "+", "+0", "+12345", 91, None])
def test_d_2_a_country_code_that_is_none_is_400(code: object) -> None:
    """At the door."""
    message = "countryCode must be a country calling code"
    assert refused({"countryCode": code}) == (
        Fault(Code.PHONE_INVALID, "countryCode", code, message),  # type: ignore[arg-type]  # any JSON
    )


@pytest.mark.parametrize("holder", ["metadata", "notes"])
def test_d_3_an_object_is_the_whole_new_set_of_variables(holder: str) -> None:
    """In either field."""
    update = asked({holder: {"product": "car_loan"}})
    assert update.attributes == Attributes("replace", {"product": "car_loan"})
    there = backend({**SEED, "metadata": {"old": 1}})
    _, lead = shown(exchange({holder: {"product": "car_loan"}}, there))
    assert lead["metadata"] == {"product": "car_loan"}


def test_d_3_text_in_notes_is_the_note() -> None:
    """And leaves the variables alone."""
    update = asked({"notes": "Call after six"})
    assert (update.changes, update.attributes) == ({"note": Set("Call after six")}, Attributes())
    _, lead = shown(exchange({"notes": "Call after six"}, backend(SEED)))
    assert (lead["notes"], lead["metadata"]) == ("Call after six", {"product": "home_loan"})


def test_d_3_of_two_objects_metadata_is_the_variables_and_notes_a_note() -> None:
    """Kept as an object, and read as text elsewhere."""
    body = {"metadata": {"product": "x"}, "notes": {"by": ["branch"]}}
    update = asked(body)
    assert update.attributes == Attributes("replace", {"product": "x"})
    assert update.changes == {"note": Set('{"by":["branch"]}', raw={"by": ["branch"]})}
    _, lead = shown(exchange(body, backend(SEED)))
    assert (lead["metadata"], lead["notes"]) == (body["metadata"], body["notes"])


KEYS = {
    "union": "id name phone_number campaign_id status notes metadata call_log_id created_at",
    "schema": "id name phone_number campaign_id status notes call_log_id created_at",
    "example": "id campaign_id phone_number metadata status created_at",
}


@pytest.mark.parametrize("shape", KEYS)
def test_d_4_an_answer_has_the_keys_of_its_shape(shape: str) -> None:
    """Both of the page's answers together, or one of them."""
    _, lead = shown(exchange({"name": "Priya"}, backend(SEED), response_shape=shape))
    assert list(lead) == KEYS[shape].split()


def test_d_4_both_together_is_the_default_and_both_hold_the_variables() -> None:
    """For readers of either."""
    _, lead = shown(exchange({"name": "Priya"}, backend(SEED)))
    assert lead == {
        "id": LEAD,
        "name": "Priya",
        "phone_number": NUMBER,
        "campaign_id": "cmp_5tw8vz2rnx1q",
        "status": "pending",
        "notes": {"product": "home_loan"},
        "metadata": {"product": "home_loan"},
        "call_log_id": None,
        "created_at": "2024-05-01T09:05:00.000Z",
    }


def test_d_4_the_schemas_notes_are_an_object_whatever_the_note() -> None:
    """A typed reader of it knows no other."""
    body = {"notes": "Call after six"}
    _, lead = shown(exchange(body, backend(SEED), response_shape="schema"))
    assert lead["notes"] == {"product": "home_loan"}


@pytest.mark.parametrize(
    ("name", "shape"),
    [("update_answer_schema_block", "schema"), ("update_answer_example", "example")],
)
def test_d_4_the_pages_answers_are_given_back(name: str, shape: str) -> None:
    """Each by its shape, from the vendor's own lead."""
    sample = orjson.loads(capture(name))
    outcome = replace(ended(Kind.APPLIED, Code.OK), snapshot={**sample, "replaces": LEAD})
    assert told(settled(outcome), response_shape=shape).body == orjson.dumps(sample)


def test_d_5_an_id_is_opaque_and_never_a_campaigns() -> None:
    """The sample's `cmp_…` is a lead where a lead has that id, and nothing else."""
    path = "/v1/campaigns-leads/cmp_5tw8vz2rnx1q"
    parsed = DIALECT.parse(call("cmp_5tw8vz2rnx1q"), capture("update_request"), caller())
    assert isinstance(parsed, Parsed)
    assert parsed.updates[0].lead.id == path.rpartition("/")[2]
    body = {"phone_number": "+919876543211"}
    there = backend(SEED)
    assert exchange(body, there, "cmp_5tw8vz2rnx1q").status == 404
    there.seed({"id": "cmp_5tw8vz2rnx1q"})
    _, lead = shown(exchange(body, there, "cmp_5tw8vz2rnx1q"))
    assert lead["id"] == "cmp_5tw8vz2rnx1q"


def test_d_6_an_answer_says_the_true_status() -> None:
    """What was changed was pending; nobody says `completed` of it."""
    _, lead = shown(exchange({"name": "Priya"}, backend(SEED)))
    assert lead["status"] == "pending"
    _, lead = shown(told(Accepted(EVENT_ID), view={"full_name": "Priya"}))
    assert lead["status"] == "pending"


@pytest.mark.parametrize("status", ["in_progress", "completed", "failed"])
def test_d_7_any_status_but_pending_is_locked(status: str) -> None:
    """409, and nothing is written."""
    there = backend({**SEED, "status": status})
    sent, verdicts = talk(own({"name": "Priya"}), there)
    assert verdicts == (Refused(Code.LOCKED, wire.LOCKED),)
    assert [request.method for request in sent] == ["GET"]
    assert exchange({"name": "Priya"}, there).status == 409


def test_d_8_a_removed_lead_is_404() -> None:
    """By the vendor's own 404, and where it shows the status."""
    there = backend({**SEED, "status": "removed"})
    assert exchange({"name": "Priya"}, there).status == 404
    _, verdicts = talk(own({"name": "x"}), [replied({"id": LEAD, "status": "removed"})])
    assert verdicts == (Refused(Code.LEAD_NOT_FOUND, wire.NO_LEAD),)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"phone_number": "1"}, "Validation failed: phone_number must be in E.164 format"),
        (
            {"phone_number": "1", "name": 7},
            ["name must be a string", "phone_number must be in E.164 format"],
        ),
    ],
)
def test_d_9_one_fault_is_a_sentence_and_more_are_an_array(body: object, message: object) -> None:
    """In the three keys of page "Errors"."""
    answer = exchange(body, backend(SEED))
    assert (answer.status, answer.body) == (
        400,
        orjson.dumps({"statusCode": 400, "message": message, "error": "Bad Request"}),
    )


def test_d_10_more_than_15_variables_are_400_unless_configured() -> None:
    """`max_variables` of the credential."""
    many = {f"v{number}": number for number in range(16)}
    fault = Fault(Code.VALIDATION_FAILED, "notes", 16, "notes must have at most 15 keys")
    assert refused({"notes": many}) == (fault,)
    assert asked({"notes": many}, max_variables=16).attributes.patch == many
    assert asked({"notes": many}, max_variables=None).attributes.patch == many
    assert len(asked({"notes": {n: many[n] for n in list(many)[:15]}}).attributes.patch) == 15


def test_d_10_a_connector_leaves_out_what_is_beyond_15() -> None:
    """And says so; what the lead has already stays."""
    held = {f"old{number}": number for number in range(14)}
    delivery = foreign({}, Attributes("merge", {"old0": "new", "a": 1, "b": 2}))
    there = [replied({"id": LEAD, "notes": held}), replied({"id": LEAD})]
    sent, verdicts = talk(delivery, there, verify=False)
    assert patched(sent) == {"notes": {**held, "old0": "new", "a": 1}}
    assert verdicts == (Applied({"id": LEAD}, ("b",), 200),)


def test_d_11_scalars_keep_their_type() -> None:
    """Text, numbers, truth and null; anything else is 400."""
    scalars = {"a": "1", "b": 1, "c": 1.5, "d": True, "e": None}
    assert asked({"metadata": scalars}).attributes.patch == scalars
    sent, _ = talk(own({"metadata": scalars}), backend(SEED))
    assert patched(sent) == {"metadata": scalars}
    (fault,) = refused({"metadata": {"a": [1]}})
    assert fault.message == "metadata.a must be a string, a number or a boolean"


def test_d_12_unknown_fields_are_ignored() -> None:
    """Neither a fault nor a change; another Dialnexa gets them as they came."""
    update = asked({"name": "Priya", "language": "hi", "status": "completed"})
    assert (update.changes, update.attributes) == ({"full_name": Set("Priya")}, Attributes())
    sent, _ = talk(own({"name": "Priya", "language": "hi", "status": "completed"}), backend(SEED))
    assert patched(sent) == {"language": "hi", "name": "Priya"}
    _, lead = shown(exchange({"name": "Priya", "language": "hi"}, backend(SEED)))
    assert "language" not in lead


def test_d_13_null_is_a_bad_number_no_variables_and_no_name() -> None:
    """Each field in its way."""
    assert [fault.code for fault in refused({"phone_number": None})] == [Code.PHONE_INVALID]
    for holder in ("metadata", "notes"):
        assert asked({holder: None}).attributes == Attributes("replace", {})
    assert asked({"name": None}).changes == {"full_name": CLEAR}
    _, lead = shown(exchange({"name": None, "notes": None}, backend(SEED)))
    assert (lead["name"], lead["metadata"], lead["notes"]) == (None, {}, {})


def test_d_14_the_unversioned_path_is_off_by_default() -> None:
    """It is no path then, and the same call where it is on."""
    old = call(path="/campaigns-leads/")
    refusal = DIALECT.parse(old, b'{"name":"Priya"}', caller())
    assert not isinstance(refusal, Parsed)
    assert shown(DIALECT.refuse(old, refusal, None)) == (
        404,
        {
            "statusCode": 404,
            "message": f"Cannot PATCH /campaigns-leads/{LEAD}",
            "error": "Not Found",
        },
    )
    parsed = DIALECT.parse(old, b'{"name":"Priya"}', caller(unversioned_path=True))
    assert parsed == Parsed((asked({"name": "Priya"}),))


GONE = replied(wire.failure(404, "Cannot GET /v1/campaigns-leads/x"), 404)
NO_JSON = replied(b"<html>no such page</html>", 404)


@pytest.mark.parametrize("reply", [GONE, NO_JSON, replied(b"", 404)])
def test_d_15_an_endpoint_that_is_gone_is_told_from_a_missing_lead(reply: Any) -> None:
    """Said of two leads, it is the endpoint; of one, nobody knows yet, and nothing is lost."""
    client = connector()
    first, second = (foreign({"full_name": Set("Priya")}, lead_id=i) for i in ("l1", "l2"))
    unsure = (Unavailable("404 that is not about the lead", 404),)
    assert attempt(client, first, [reply])[1] == unsure
    assert attempt(client, first, [reply])[1] == unsure
    (found,) = attempt(client, second, [reply])[1]
    assert isinstance(found, Misconfigured)
    assert found.code is Code.VENDOR_ENDPOINT_RETIRED
    (found,) = attempt(client, first, [reply])[1]
    assert isinstance(found, Misconfigured)


def test_d_15_a_proper_answer_says_that_the_endpoint_is_there() -> None:
    """A missing lead, too; then it takes two leads again."""
    client = connector()
    deliveries = [foreign({"full_name": Set("P")}, lead_id=i) for i in ("l1", "l2", "l3")]
    attempt(client, deliveries[0], [GONE])
    missing = replied(wire.failure(404, wire.NO_LEAD), 404)
    (found,) = attempt(client, deliveries[1], [missing])[1]
    assert found == Refused(Code.LEAD_NOT_FOUND, wire.NO_LEAD, 404)
    (found,) = attempt(client, deliveries[2], [GONE])[1]
    assert isinstance(found, Unavailable)


def test_d_15_each_attempt_reads_before_it_writes() -> None:
    """So that a retired endpoint is noticed by a call that changes nothing."""
    sent, _ = talk(own({"name": "Priya"}), backend(SEED))
    assert [request.method for request in sent] == ["GET", "PATCH", "GET"]
