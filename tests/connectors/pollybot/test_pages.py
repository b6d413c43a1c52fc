"""Only PollyBot's API refuses a lead: a page in its place, and a path that is none, do not."""

from __future__ import annotations

import pytest

from connectors.delivery.connector import Misconfigured, Refused, Unavailable, Verdict
from connectors.pollybot import wire
from connectors.pollybot.outbound import judge
from gateway.model.codes import Code
from gateway.transport.port import HttpResponse

PAGE = b"<html>"


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (404, wire.NOT_FOUND, Misconfigured(Code.ROUTE_NOT_FOUND, "Not found", 404)),
        (404, wire.failure("Gone", "GONE"), Refused(Code.LEAD_NOT_FOUND, "Gone", 404)),
        (410, PAGE, Misconfigured(Code.ROUTE_NOT_FOUND, "", 410)),
        (410, b"{}", Refused(Code.LEAD_NOT_FOUND, "", 410)),
        (403, PAGE, Unavailable("status 403", 403)),
        (422, b"no", Unavailable("status 422", 422)),
    ],
)
def test_only_the_api_refuses_a_lead(status: int, body: bytes, verdict: Verdict) -> None:
    """It stops the connector where the path is gone, and is tried again where it can't be read."""
    assert judge(HttpResponse(status, {}, body), "polly") == verdict
