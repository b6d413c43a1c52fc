"""The fake receiver: what it takes, and what it remembers."""

from __future__ import annotations

from importlib import import_module

import orjson
import pytest

from connectors.sandbox.port import Backend, BackendCall
from connectors.webhook import wire
from connectors.webhook.sandbox import SECRET, backend
from gateway.dialect import Answer
from gateway.model.json import JsonObject
from tests.connectors.webhook.hooks import EVENT, NOW, OTHER, VENDOR, delivery, posted

TAKEN = Answer(200, b'{"received":true,"repeated":false}')


def call(
    secret: str = SECRET,
    now: float = NOW,
    path: str = "/hook",
    method: str = "POST",
    body: bytes | None = None,
    id: str = EVENT.id,
) -> BackendCall:
    """A webhook that our own connector posts; `now` is when it is received."""
    request = posted(delivery(id=id), secret=secret)
    headers = {name.lower(): value for name, value in request.headers}
    return BackendCall(method, path, (), headers, request.body if body is None else body, now)


@pytest.fixture
def hook() -> Backend:
    """A receiver that takes any signature."""
    return backend(faithful=False)


def test_the_vendor_names_this_module_and_where_it_takes_webhooks() -> None:
    """The host loads it by that name, and serves it under a prefix."""
    assert import_module(VENDOR.sandbox).backend is backend
    assert VENDOR.sandboxed("http://127.0.0.1:8090/webhook") == {
        "url": "http://127.0.0.1:8090/webhook" + wire.HOOK_PATH
    }


def test_what_is_signed_with_its_secret_is_verified(hook: Backend) -> None:
    """And kept under the lead it is about."""
    asked = call()
    assert hook.handle(asked) == TAKEN
    assert hook.lead_of(asked) == "ld_1"
    assert hook.leads() == [
        {
            "id": "ld_1",
            "received": 1,
            "repeated": 0,
            "verified": True,
            "event": EVENT.id,
            "payload": orjson.loads(asked.body),
        }
    ]


def test_a_repeat_is_counted_and_changes_nothing(hook: Backend) -> None:
    """It is known by its id; another event of the lead is none."""
    hook.handle(call())
    kept = hook.leads()[0]
    assert hook.handle(call()) == Answer(200, b'{"received":true,"repeated":true}')
    assert hook.leads() == [{**kept, "repeated": 1}]
    assert hook.handle(call(id="other")) == TAKEN
    (later,) = hook.leads()
    assert (later["received"], later["repeated"], later["event"]) == (2, 1, "other")


@pytest.mark.parametrize("asked", [call(secret=OTHER), call(now=NOW + 301), call(body=b"{}")])
def test_what_is_not_verified_is_only_refused_when_faithful(
    hook: Backend, asked: BackendCall
) -> None:
    """Another secret, another time, another body."""
    assert hook.handle(asked) == TAKEN
    assert [lead["verified"] for lead in hook.leads()] == [False]
    strict = backend(faithful=True)
    why = b'{"error":"the signature does not match, or its time is off"}'
    assert strict.handle(asked) == Answer(401, why)
    assert strict.leads() == []
    assert strict.handle(call()) == TAKEN


def test_a_payload_of_another_form_is_kept_under_its_id(hook: Backend) -> None:
    """It names no lead that every form has."""
    asked = call(body=b'{"njDisposition":"Sale"}')
    hook.handle(asked)
    assert hook.lead_of(asked) == EVENT.id
    assert [lead["id"] for lead in hook.leads()] == [EVENT.id]


@pytest.mark.parametrize(
    ("asked", "status", "why"),
    [
        (call(path="/other"), 404, "there is no such endpoint"),
        (call(method="GET"), 405, "webhooks are posted"),
        (call(body=b"[]"), 400, "the payload is no JSON object"),
        (call(body=b"{"), 400, "the payload is no JSON object"),
        (BackendCall("POST", "/hook", (), {}, b"{}", NOW), 401, "the webhook is not signed"),
    ],
)
def test_refusals(hook: Backend, asked: BackendCall, status: int, why: str) -> None:
    """Each with its reason; nothing is kept."""
    assert hook.handle(asked) == Answer(status, orjson.dumps({"error": why}))
    assert hook.leads() == []


@pytest.mark.parametrize(
    ("lead", "why"),
    [({}, "a lead needs an id"), ({"id": "ld_1", "shoe": 1}, "a lead has no shoe")],
)
def test_a_lead_that_can_not_be_kept_is_not_seeded(
    hook: Backend, lead: JsonObject, why: str
) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match=f"^{why}$"):
        hook.seed(lead)
