"""What an account would answer that has the lead and takes what it is sent: so that a call can be
shown to its end without being made."""

from __future__ import annotations

from connectors.leadsquared.wire import answers, bulk
from connectors.leadsquared.wire.answers import State, TaskStatus
from connectors.leadsquared.wire.attributes import BULK_PATH, SYNC_PATH
from gateway.transport.port import HttpRequest, HttpResponse

REQUEST_ID = "assumed"
"""By which an accepted call would be asked about."""


def assumed(request: HttpRequest) -> HttpResponse:
    """Success, in the words of each call."""
    path = request.url.partition("?")[0]
    if request.method == "GET":
        task = TaskStatus(REQUEST_ID, State.SUCCESS, answers.COMPLETED, "")
        return HttpResponse(200, {}, answers.render_status(task))
    if path.endswith(BULK_PATH):
        return HttpResponse(200, {}, _every_lead(request.body))
    if path.endswith(SYNC_PATH):
        return HttpResponse(200, {}, answers.render_done())
    return HttpResponse(200, {}, answers.render_accepted(REQUEST_ID))


def _every_lead(body: bytes) -> bytes:
    """Each lead by the attribute that names it, which comes first."""
    named = [lead.fields[0] for lead in bulk.parse(body).leads]
    entries = tuple(bulk.Entry(each.name, str(each.value)) for each in named)
    return bulk.render_answer(bulk.BulkAnswer(entries))
