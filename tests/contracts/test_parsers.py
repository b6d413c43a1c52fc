"""Whatever a call holds, every registered dialect takes or refuses it; nothing raises."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialect import (
    Accepted,
    Answering,
    AskedDialect,
    Call,
    Parsed,
    Refusal,
    RequestedUpdate,
    StatusOf,
    Workload,
)
from gateway.edge.credentials import Registered
from gateway.edge.intake import no_id
from gateway.model.codec import update_headers, update_value
from tests.contracts.spoken import SPOKEN, Spoken
from tests.contracts.vendors import EVENT_ID, NOW, QUOTA, event_of, rendered
from tests.contracts.wild import calls

every_dialect = pytest.mark.parametrize("spoken", SPOKEN, ids=lambda spoken: spoken.name)
wild = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def taken(spoken: Spoken, call: Call, parsed: Parsed) -> None:
    """It can be written down and answered."""
    for update in parsed.updates:
        assert isinstance(update, RequestedUpdate)
        if no_id(update.lead.id):
            # The front door refuses it.
            return
        event = event_of(update, spoken.name, call.operation)
        update_headers(event)
        update_value(event)
    results = [Accepted(EVENT_ID)] * len(parsed.updates)
    shown = [{"id": update.lead.id} for update in parsed.updates]
    leads = shown if spoken.dialect.wants_lead else []
    caller = spoken.caller
    rendered(spoken.dialect.answer(Answering(call, caller, parsed, results, leads, QUOTA, NOW)))


@every_dialect
@wild
@given(data=st.data())
def test_a_call_is_taken_or_refused(spoken: Spoken, data: st.DataObject) -> None:
    """What is taken can be written and answered; what is refused is told so."""
    call, body = data.draw(calls(spoken))
    parsed = spoken.dialect.parse(call, body, spoken.caller)
    if isinstance(parsed, Parsed):
        taken(spoken, call, parsed)
    else:
        assert isinstance(parsed, get_args(Refusal))
        assert rendered(spoken.dialect.refuse(call, parsed, QUOTA)).status >= 400


@every_dialect
@wild
@given(data=st.data())
def test_a_caller_is_known_or_not(spoken: Spoken, data: st.DataObject) -> None:
    """By whatever stands where the key should; and how long its call waits is known."""
    call, _ = data.draw(calls(spoken))
    found = spoken.credentials.find(spoken.dialect, call)
    if isinstance(found, Registered):
        assert found.settings is spoken.key
    else:
        assert isinstance(found, bool)
    patience = spoken.dialect.patience(call, spoken.key)
    assert patience is None or patience >= 0.0


@every_dialect
@wild
@given(data=st.data())
def test_a_question_is_asked_or_refused(spoken: Spoken, data: st.DataObject) -> None:
    """By a dialect that has any; an answer that nobody knows can be told."""
    dialect = spoken.dialect
    call, _ = data.draw(calls(spoken))
    asking = {route.operation for route in dialect.routes if route.asks}
    if isinstance(dialect, AskedDialect) and call.operation in asking:
        asked = dialect.ask(call, spoken.caller)
        if isinstance(asked, StatusOf | Workload):
            rendered(dialect.tell(call, spoken.caller, None, NOW))
        else:
            rendered(dialect.refuse(call, asked, QUOTA))
