"""Exceptions, sentences and reasons, and the canonical codes they stand for."""

from __future__ import annotations

import pytest

from connectors.leadsquared.mapping import outcomes
from connectors.leadsquared.wire.answers import Exc, Failure
from connectors.leadsquared.wire.bulk import NOT_FOUND
from gateway.model.codes import Code


@pytest.mark.parametrize(
    ("type_", "message", "code"),
    [
        (Exc.RATE_LIMIT, "", Code.RATE_LIMITED),
        ("", "API calls exceeded the limit of 25 in 5 second(s)", Code.RATE_LIMITED),
        (Exc.UNAUTHORIZED, "no", Code.UNAUTHENTICATED),
        (Exc.AUTHENTICATION_FAILED, "no", Code.UNAUTHENTICATED),
        (
            Exc.DUPLICATE,
            "Duplicate entry 'a@example.com' for key 'UQ_Prospect_Base_EmailAddress'",
            Code.DUPLICATE_EMAIL,
        ),
        (
            Exc.DUPLICATE,
            "Duplicate entry 'phone@example.com' for key 'UQ_Prospect_Base_mx_No'",
            Code.DUPLICATE_EXTERNAL_ID,
        ),
        (Exc.DUPLICATE, "A Lead with same Phone Number already exists.", Code.DUPLICATE_PHONE),
        (
            Exc.UNKNOWN_ATTRIBUTE,
            "Attribute(s) does not exist - mx_Nope.",
            Code.UNKNOWN_ATTRIBUTE,
        ),
        (Exc.MANDATORY_MISSING, "'leadId' is mandatory for updating lead", Code.LEAD_ID_MISSING),
        (Exc.MANDATORY_MISSING, "'mx_No' is mandatory", Code.VALIDATION_FAILED),
        (Exc.INVALID_INPUT, "Invalid email", Code.VALIDATION_FAILED),
        (Exc.INVALID_INPUT, NOT_FOUND, Code.LEAD_NOT_FOUND),
        (Exc.INVALID_INPUT, "Transaction was deadlocked", Code.TIMEOUT),
        ("MXUnknownProspectException", "Lead not found", Code.LEAD_NOT_FOUND),
        ("MXOddException", "odd", Code.VALIDATION_FAILED),
    ],
)
def test_an_exception_is_a_canonical_code(type_: str, message: str, code: Code) -> None:
    """By its type, and where that says too little by its sentence."""
    assert outcomes.code_of(Failure(type_, message)) is code


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (NOT_FOUND, Code.LEAD_NOT_FOUND),
        ("Attribute(s) does not exist - mx_Nope.", Code.UNKNOWN_ATTRIBUTE),
        ("A Lead with same Phone Number already exists.", Code.DUPLICATE_PHONE),
        ("API calls exceeded the limit of 5 in 5 second(s)", Code.RATE_LIMITED),
        ("odd", Code.VALIDATION_FAILED),
        ("", Code.VALIDATION_FAILED),
    ],
)
def test_a_reason_is_a_canonical_code(reason: str, code: Code) -> None:
    """The page has one; others are read as sentences of exceptions."""
    assert outcomes.code_of_reason(reason) is code


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_an_exception_and_a_reason(code: Code) -> None:
    """And one with a sentence of its own is known again by it."""
    told = outcomes.failure_for(code)
    assert told.type in set(Exc)
    assert told.message
    assert outcomes.reason_for(code)
    if code in outcomes.CELLS and code is not Code.BATCH_TOO_LARGE:
        expected = Code.LEAD_NOT_FOUND if code in outcomes.MISSING else code
        assert outcomes.code_of(told) is expected


def test_an_unknown_attribute_is_named() -> None:
    """By our sentence, and read out of theirs."""
    details = {"field": "mx_Nope"}
    told = outcomes.failure_for(Code.UNKNOWN_ATTRIBUTE, details=details)
    assert told == Failure(Exc.UNKNOWN_ATTRIBUTE, "Attribute(s) does not exist - mx_Nope.")
    assert outcomes.details_of(told) == details


def test_a_code_without_a_cell_is_bad_input_with_our_word() -> None:
    """So that nothing is told as a success."""
    assert outcomes.failure_for(Code.DNC_BLOCKED, "on a list") == Failure(
        Exc.INVALID_INPUT, "on a list (dnc_blocked)"
    )
    assert outcomes.failure_for(Code.VALIDATION_FAILED, "Invalid email") == Failure(
        Exc.INVALID_INPUT, "Invalid email"
    )


def test_the_vendors_own_sentence_is_told_as_it_is() -> None:
    """What another vendor said is told by its code."""
    own = "Duplicate entry 'a@example.com' for key 'UQ_Prospect_Base_EmailAddress'"
    assert outcomes.failure_for(Code.DUPLICATE_EMAIL, own) == Failure(Exc.DUPLICATE, own)
    assert outcomes.failure_for(Code.DUPLICATE_PHONE, "DUPLICATE") == Failure(
        Exc.DUPLICATE, "A Lead with same Phone Number already exists."
    )
    assert outcomes.failure_for(Code.FORBIDDEN, "not your lead") == Failure(
        Exc.INVALID_INPUT, NOT_FOUND
    )
