"""What became of updates, in the native API's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.clock import rfc3339
from gateway.dialect import Accepted, DeliveryReport, DeliveryState, StatusReport, UpdateResult
from gateway.model.outcome import Outcome

PATH = "/v1/lead-updates"
_OPEN = frozenset({DeliveryState.PENDING, DeliveryState.WAITING})
_WORST_LAST = (
    DeliveryState.APPLIED,
    DeliveryState.SKIPPED,
    DeliveryState.SUPERSEDED,
    DeliveryState.REJECTED,
    DeliveryState.DEAD_LETTERED,
)


def url_of(event_id: str) -> str:
    """Where to ask about an update."""
    return f"{PATH}/{event_id}"


def update_told(result: UpdateResult) -> dict[str, Any]:
    """An update right after its call: safe, or with the outcome that was waited for."""
    told = _named(result.event_id, "pending")
    if isinstance(result, Accepted):
        return told
    return {**told, "status": result.outcome.kind, "outcome": _outcome(result.outcome)}


def status_told(report: StatusReport) -> dict[str, Any]:
    """An update whenever somebody asks."""
    deliveries = report.deliveries
    return {
        **_named(report.event_id, _status(report)),
        "time": rfc3339(report.accepted),
        "settled": bool(deliveries) and all(each.state not in _OPEN for each in deliveries),
        "authority": report.authority,
        "deliveries": [_delivery(each) for each in deliveries],
    }


def _status(report: StatusReport) -> str:
    """The authority's verdict; where nobody answers for the update, the worst of all."""
    deciding: Sequence[DeliveryReport] = report.deliveries
    if report.authority is not None:
        deciding = [] if report.answering is None else [report.answering]
    states = [each.state for each in deciding]
    if not states or not _OPEN.isdisjoint(states):
        return DeliveryState.PENDING
    return max(states, key=_WORST_LAST.index)


def _named(event_id: str, status: str) -> dict[str, Any]:
    return {"id": event_id, "status": status, "status_url": url_of(event_id)}


def _delivery(report: DeliveryReport) -> dict[str, Any]:
    return {
        "connector": report.connector,
        "state": report.state,
        "attempts": report.attempts,
        "due": None if report.due is None else rfc3339(report.due),
        "outcome": None if report.outcome is None else _outcome(report.outcome),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "connector": outcome.connector,
        "kind": outcome.kind,
        "code": outcome.code,
        "message": outcome.message,
        "vendor_status": outcome.status,
        "attempts": max((attempt.number for attempt in outcome.attempts), default=0),
        "dropped": list(outcome.dropped),
        "details": dict(outcome.details),
        "time": outcome.time,
    }
