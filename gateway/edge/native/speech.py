"""The native API as a dialect: served by the same front door as the vendors'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import orjson
from pydantic import BaseModel

from gateway.dialect import (
    Accepted,
    Answer,
    Answering,
    Call,
    Caller,
    Invalid,
    Malformed,
    Parsed,
    QuotaState,
    Refusal,
    Report,
    RequestedUpdate,
    Route,
    StatusOf,
    StatusReport,
)
from gateway.edge.native import body as bodies
from gateway.edge.native.credential import NativeCredential
from gateway.edge.native.envelopes import Enveloped, Unwrapped, unwrap
from gateway.edge.native.findings import Findings
from gateway.edge.native.preference import wait_of
from gateway.edge.native.problems import left, problem, refused
from gateway.edge.native.reports import PATH, status_told, update_told, url_of
from gateway.model.codes import Code

NAME = "native"
POST, GET = "postLeadUpdates", "getLeadUpdate"
ONE = PATH + "/{id}"


class NativeDialect:
    """Lead updates in canonical words."""

    name = NAME
    routes: tuple[Route, ...] = (
        Route("POST", PATH, POST),
        Route("GET", ONE, GET, asks=True),
    )
    wants_lead = False

    def presented(self, call: Call) -> str | None:
        """The bearer token; empty where the header is there and holds none."""
        header = call.headers.get("authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def secrets_of(self, settings: BaseModel) -> tuple[str, ...]:
        """The token of a configured credential."""
        return (cast(NativeCredential, settings).token.get_secret_value(),)

    def quota_of(self, operation: str) -> str:
        """One for everything: a key is counted by the key."""
        del operation
        return "quota"

    def patience(self, call: Call, settings: BaseModel) -> float | None:
        """As the caller prefers, else as configured."""
        configured = cast(NativeCredential, settings).patience
        return wait_of(call.headers.get("prefer", ""), configured)

    def parse(self, call: Call, body: bytes, caller: Caller) -> Parsed | Refusal:
        """The updates of a call in order, or everything that is wrong with them."""
        found = Findings()
        unwrapped = unwrap(call, body, found)
        if isinstance(unwrapped, Malformed):
            return unwrapped
        updates = [u for each in unwrapped.bodies for u in _updates(each, caller, found)]
        if not found.faults and len(updates) > bodies.MOST_UPDATES:
            text = f"should hold at most {bodies.MOST_UPDATES} updates in all"
            found.add("", text, Code.BATCH_TOO_LARGE)
        if found.faults:
            return Invalid(tuple(found.faults))
        return Parsed(tuple(updates), memo=unwrapped, key=unwrapped.key)

    def answer(self, answering: Answering) -> Answer:
        """The outcomes where the call waited for them, else where to ask."""
        results, quota = answering.results, answering.quota
        told = [update_told(result) for result in results]
        many = cast(Unwrapped, answering.parsed.memo).many
        waited = any(not isinstance(result, Accepted) for result in results)
        headers = _applied(answering) if waited else ()
        if not many and not waited:
            headers = (("Location", url_of(results[0].event_id)),)
        if quota is not None:
            headers += left(quota, quota.reset_at - answering.now)
        return Answer(200 if waited else 202, orjson.dumps(told if many else told[0]), headers)

    def ask(self, call: Call, caller: Caller) -> StatusOf:
        """What became of the update in the path."""
        del caller
        return StatusOf(call.parameters["id"])

    def tell(self, call: Call, caller: Caller, report: Report | None, now: float) -> Answer:
        """Its deliveries, and what they come to."""
        del call, caller, now
        if not isinstance(report, StatusReport):
            return problem(404, "not_found", "no update has this id")
        return Answer(200, orjson.dumps(status_told(report)))

    def refuse(self, call: Call, refusal: Refusal, quota: QuotaState | None) -> Answer:
        """A problem document."""
        del call
        return refused(refusal, quota)


def _updates(enveloped: Enveloped, caller: Caller, found: Findings) -> Sequence[RequestedUpdate]:
    updates = bodies.read(enveloped.body, enveloped.place, caller, found)
    if not enveloped.scope:
        return updates
    scope, trace = enveloped.scope, enveloped.traceparent
    return [replace(one, scope=scope, traceparent=trace) for one in updates]


def _applied(answering: Answering) -> tuple[tuple[str, str], ...]:
    """What of the caller's preference was followed (RFC 7240, section 3)."""
    preferred = wait_of(answering.call.headers.get("prefer", ""), None)
    return () if preferred is None else (("Preference-Applied", f"wait={preferred:g}"),)
