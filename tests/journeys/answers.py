"""What a caller in each dialect hears of each outcome, whoever the authority is: the table of
canonical outcomes and vendors' errors, as whole answers.

`ID` stands for the caller's own id of the lead, `WORDS` for the authority's, where it is of the
caller's vendor or where they alone say what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.model.codes import Code

ID, WORDS = "<id>", "<words>"
Body = dict[str, Any]
Said = tuple[int, Body]
NOT_THERE = "Lead does not exist in the system or You do not have permission to update the lead"


# --- Noojee --------------------------------------------------------------------------------


def _noojee(status: int, code: int, message: str) -> Said:
    return status, {"code": code, "message": message}


NOOJEE: Mapping[Code, Said] = {
    Code.OK: _noojee(200, 0, "OK"),
    Code.LEAD_NOT_FOUND: _noojee(400, 101, "COULDNT_FIND_THE_LEAD"),
    Code.PHONE_INVALID: _noojee(400, 102, "NO_PHONE_FIELDS"),
    Code.DNC_BLOCKED: _noojee(400, 104, "DNC"),
    Code.DUPLICATE_PHONE: _noojee(400, 105, "DUPLICATE"),
    Code.DISPOSITION_REQUIRED: _noojee(400, 107, "DISPOSTION_ISNT_SET_AND_NOCHANGE_SPECIFIED"),
    Code.CONFLICT: _noojee(400, 110, "LEAD_NOT_UPDATED_DUE_TO_CONFLICT"),
    Code.FORBIDDEN: _noojee(403, -1, "FORBIDDEN"),
}
NOOJEE_BUSY = _noojee(400, 109, "TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS")


def noojee(code: Code) -> Said:
    """A code without a cell is bad data, with our word."""
    return NOOJEE.get(code) or _noojee(400, 103, f"EXCEPTION: {code}")


# --- LeadSquared ---------------------------------------------------------------------------

EXCEPTIONS: Mapping[Code, tuple[str, str]] = {
    Code.LEAD_NOT_FOUND: ("MXInvalidInputException", NOT_THERE),
    Code.FORBIDDEN: ("MXInvalidInputException", NOT_THERE),
    Code.DUPLICATE_PHONE: (
        "MXDuplicateEntryException",
        "A Lead with same Phone Number already exists.",
    ),
    Code.DUPLICATE_EMAIL: (
        "MXDuplicateEntryException",
        "A Lead with same EmailAddress already exists.",
    ),
    Code.UNKNOWN_ATTRIBUTE: ("MXUnknownAttributeException", "Attribute(s) does not exist - mx_A."),
    Code.VALIDATION_FAILED: ("MXInvalidInputException", WORDS),
}


def exception(code: Code) -> tuple[str, str]:
    """A code without a cell is bad input, with our word."""
    otherwise = "MXInvalidInputException", f"The lead was not updated ({code})"
    return EXCEPTIONS.get(code, otherwise)


def task(code: Code) -> Body:
    """What the status call tells of an update by the asynchronous API."""
    if code is Code.OK:
        done = '{"Status":"Success","Message":{"AffectedRows":1}}'
        return {
            "Status": "Success",
            "StatusReason": "Request was successfully completed",
            "Message": done,
        }
    return {"Status": "FAILURE", "StatusReason": ": ".join(exception(code)), "Message": None}


def bulk(code: Code) -> Said:
    """An answer about one lead."""
    entry = {"Identifier": "ProspectId", "IdentifierValue": ID}
    fine = code is Code.OK
    status = {
        "TotalCount": 1,
        "SuccessCount": int(fine),
        "FailureCount": int(not fine),
        "Message": "Processed" if fine else "Error",
    }
    if fine:
        return 200, {"Status": status, "Details": {"SuccessfulLeads": [entry]}}
    failed = {**entry, "Reason": exception(code)[1]}
    return 200, {"Status": status, "Details": {"FailedLeads": [failed]}}


LEADSQUARED_BUSY: Said = (
    429,
    {
        "Status": "Error",
        "ExceptionType": "MXAPIRateLimitExceededException",
        "ExceptionMessage": "API calls exceeded the limit of 25 in 5 second(s)",
    },
)


# --- PollyBot ------------------------------------------------------------------------------


def polly_error(error: str, code: str, **details: Any) -> Body:
    """Its error envelope."""
    told: Body = {"success": False, "error": error, "code": code}
    return {**told, "details": details} if details else told


POLLYBOT: Mapping[Code, Said] = {
    Code.LEAD_NOT_FOUND: (
        404,
        polly_error(
            "Lead not found",
            "LEAD_NOT_FOUND",
            leadId=ID,
            message="No lead found with this ID in your workspace",
        ),
    ),
    Code.DUPLICATE_EMAIL: (
        409,
        polly_error(
            "Email already exists",
            "DUPLICATE_EMAIL",
            email=None,
            existingLeadId=None,
            message="A different lead with this email already exists in your workspace",
        ),
    ),
    Code.CONFLICT: (409, polly_error("Conflict", "CONFLICT")),
}
POLLYBOT_BUSY = (500, polly_error("Internal server error", "INTERNAL_ERROR"))


def pollybot(code: Code) -> Said:
    """A code without a cell is a failed validation, with our word; a lead of another workspace
    is not found."""
    if code is Code.FORBIDDEN:
        code = Code.LEAD_NOT_FOUND
    known = POLLYBOT.get(code)
    if known is not None:
        return known
    field = "phone" if code is Code.PHONE_INVALID else ""
    words = WORDS if code is Code.VALIDATION_FAILED else f"The update was not applied ({code})"
    broken = polly_error(
        "Validation failed", "VALIDATION_ERROR", field=field, value=None, message=words
    )
    return 400, broken


# --- Dialnexa ------------------------------------------------------------------------------


def _nexa(status: int, message: str, error: str) -> Said:
    return status, {"statusCode": status, "message": message, "error": error}


NOT_ALLOWED = "The API key has no permission, or the destination is blocked"
DIALNEXA: Mapping[Code, Said] = {
    Code.LEAD_NOT_FOUND: _nexa(404, "Campaign lead not found", "Not Found"),
    Code.FORBIDDEN: _nexa(403, NOT_ALLOWED, "Forbidden"),
    Code.DNC_BLOCKED: _nexa(403, NOT_ALLOWED, "Forbidden"),
    Code.LOCKED: _nexa(
        409, "Campaign lead has already been dialled and its data is locked", "Conflict"
    ),
    Code.CONFLICT: _nexa(409, "The lead is being changed by somebody else", "Conflict"),
    Code.PHONE_INVALID: _nexa(
        400, "Validation failed: phone_number must be in E.164 format", "Bad Request"
    ),
    Code.VALIDATION_FAILED: _nexa(400, WORDS, "Bad Request"),
}
DIALNEXA_BUSY = _nexa(
    429, "Too many requests. Please slow down and retry after a moment.", "Too Many Requests"
)


def dialnexa(code: Code) -> Said:
    """A code without a cell is a failed validation, with our word."""
    words = f"Validation failed: The update was not applied ({code})"
    return DIALNEXA.get(code) or _nexa(400, words, "Bad Request")
