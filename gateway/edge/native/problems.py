"""Refusals as problem documents (RFC 9457), each with the status and headers that HTTP has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, assert_never

import orjson

from gateway.dialect import (
    Answer,
    Busy,
    Fault,
    Invalid,
    KeyReused,
    Malformed,
    MethodNotAllowed,
    OverQuota,
    QuotaState,
    Refusal,
    TooLarge,
    Unauthenticated,
)
from gateway.edge.native.envelopes import MEDIA_TYPES
from gateway.model.codes import Code

PROBLEM = "application/problem+json"
TITLES: Mapping[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
"""Every refusal's status in HTTP's words (RFC 9110, section 15; RFC 6585, section 4)."""
Headers = tuple[tuple[str, str], ...]


def problem(
    status: int, code: str, detail: str, headers: Headers = (), faults: Sequence[Fault] = ()
) -> Answer:
    """A problem document."""
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "code": code,
    }
    if faults:
        told["errors"] = [
            {"pointer": fault.field, "code": fault.code, "detail": fault.message}
            for fault in faults
        ]
    return Answer(status, orjson.dumps(told), headers, PROBLEM)


def refused(refusal: Refusal, quota: QuotaState | None) -> Answer:
    """A refusal; with what is left of the credential's quota."""
    if isinstance(refusal, OverQuota):
        return _over_quota(refusal)
    told = _refused(refusal)
    return told._replace(headers=told.headers + left(quota))


def left(quota: QuotaState | None, within: float | None = None) -> Headers:
    """What is left of a quota, as the draft "RateLimit header fields for HTTP" has it; `within`
    seconds it is whole again."""
    if quota is None:
        return ()
    policy = f'"default";q={quota.limit};w={ceil(quota.per)}'
    now = f'"default";r={quota.remaining}'
    if within is not None:
        now += f";t={max(0, ceil(within))}"
    return (("RateLimit-Policy", policy), ("RateLimit", now))


def _over_quota(refusal: OverQuota) -> Answer:
    quota = refusal.quota
    detail = f"the key may make {quota.limit} calls in {quota.per:g} seconds"
    headers = (*_after(refusal.retry_after), *left(quota, refusal.retry_after))
    return problem(429, Code.RATE_LIMITED, detail, headers)


def _refused(refusal: Refusal) -> Answer:
    match refusal:
        case Unauthenticated(presented):
            return _unauthenticated(presented)
        case Malformed(reason, media_type=True):
            headers = (("Accept-Post", ", ".join(MEDIA_TYPES)),)
            return problem(415, "unsupported_media_type", reason, headers)
        case Malformed(reason):
            return problem(400, Code.MALFORMED_REQUEST, reason)
        case TooLarge(limit):
            return problem(413, "too_large", f"a body has at most {limit} bytes")
        case MethodNotAllowed(allowed):
            methods = ", ".join(allowed)
            detail = f"this path takes {methods}"
            return problem(405, "method_not_allowed", detail, (("Allow", methods),))
        case Invalid(faults):
            return problem(422, faults[0].code, _first(faults), (), faults)
        case KeyReused():
            detail = "the idempotency key was used with another body"
            return problem(422, "idempotency_key_reused", detail)
        case Busy(retry_after, appended):
            return problem(503, "busy", _BUSY[appended], _after(retry_after))
        case OverQuota():
            return _over_quota(refusal)
        case _:
            assert_never(refusal)


_BUSY = {
    True: "no outcome in time; the update is safe and goes on, and the same call again waits for"
    " it",
    False: "the update could not be taken; try again",
}


def _unauthenticated(presented: bool) -> Answer:
    challenge = 'Bearer error="invalid_token"' if presented else "Bearer"
    detail = "the bearer token is not known" if presented else "a bearer token is needed"
    return problem(401, Code.UNAUTHENTICATED, detail, (("WWW-Authenticate", challenge),))


def _first(faults: Sequence[Fault]) -> str:
    """The first fault, and how many more there are."""
    first = faults[0]
    text = f"{first.field or 'the body'} {first.message}".rstrip()
    return f"{text}, and {len(faults) - 1} more" if len(faults) > 1 else text


def _after(seconds: float) -> Headers:
    return (("Retry-After", str(max(1, ceil(seconds)))),)
