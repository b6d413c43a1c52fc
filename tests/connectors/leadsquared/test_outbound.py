"""LeadSquared's client: which call an update becomes, and its bytes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.delivery.connector import (
    Applied,
    Limit,
    Pending,
    Unavailable,
)
from connectors.leadsquared.outbound.connector import connect
from connectors.leadsquared.outbound.settings import LeadSquaredSettings
from connectors.leadsquared.wire import answers
from gateway.settings.model import ConnectorSettings
from gateway.transport.port import HttpRequest, HttpResponse
from tests.connectors.leadsquared.sending import (
    ASYNC,
    BASE,
    EMAIL,
    ID,
    JSON,
    KEYS,
    PAIR,
    connector,
    foreign,
    sent_by,
)

# --- async and sync -------------------------------------------------------------------------


def test_async_posts_once_and_then_asks() -> None:
    """The request id of the answer is the token of the question."""
    made, delivery = connector("async"), foreign(company="Acme", disposition="Sale")
    reply = HttpResponse(200, {}, answers.render_accepted("7ba60ab0"))
    sent, verdicts = sent_by(made, delivery, reply=reply)
    assert sent == [
        HttpRequest(
            "POST",
            f"{ASYNC}/lead/update?leadId={ID.id}",
            (("x-api-key", "third"), *PAIR, *JSON),
            b'[{"Attribute":"Company","Value":"Acme"}]',
            30.0,
        )
    ]
    assert verdicts == (Pending("7ba60ab0", 200),)
    done = answers.TaskStatus(
        "7ba60ab0", answers.State.SUCCESS, answers.COMPLETED, "[]", answers.render_done().decode()
    )
    reply = HttpResponse(200, {}, answers.render_status(done))
    sent, verdicts = sent_by(made, delivery._replace(pending="7ba 60ab0"), reply=reply)
    assert sent == [
        HttpRequest(
            "GET",
            f"{ASYNC}/lead/update/status?RequestID=7ba%2060ab0",
            (("x-api-key", "third"), ("Accept", "application/json")),
            b"",
            30.0,
        )
    ]
    assert verdicts == (Applied(None, ("disposition",), 200),)
    assert (made.batch_size, made.most_in_flight, made.limits) == (1, None, (Limit(25, 5.0),))


def test_what_was_pending_is_asked_about_in_every_mode() -> None:
    """Also by the path that the operator found; without keys for it nothing is sent."""
    delivery = foreign()._replace(pending="t")
    made = connector("bulk", status_path="/lead/status")
    sent, _ = sent_by(made, delivery, reply=HttpResponse(500, {}, b""))
    assert [(one.method, one.url) for one in sent] == [("GET", f"{ASYNC}/lead/status?RequestID=t")]
    keyless = connector("bulk", x_api_key=None)
    expected = Unavailable("without an async_base_url and an x_api_key it can't be asked")
    assert sent_by(keyless, delivery) == ([], (expected,))


def test_sync_is_one_call_with_a_final_answer() -> None:
    """On the API host, without the third key."""
    reply = HttpResponse(200, {}, answers.render_done())
    sent, verdicts = sent_by(connector("sync"), foreign(ID, EMAIL), reply=reply)
    assert sent == [
        HttpRequest(
            "POST",
            f"{BASE}/v2/LeadManagement.svc/Lead.Update?leadId={ID.id}",
            (*PAIR, *JSON),
            b'[{"Attribute":"Company","Value":"Acme"}]',
            30.0,
        )
    ]
    assert verdicts == (Applied(None, (), 200),)


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.leadsquared.com", "https://asyncapi.leadsquared.com"),
        ("https://api-in21.leadsquared.com/", "https://asyncapi-in21.leadsquared.com"),
        ("https://api-us11.leadsquared.com", "https://asyncapi-us11.leadsquared.com"),
        ("https://api-ca12.leadsquared.com", None),
    ],
)
def test_the_async_host_of_a_region_is_known_or_must_be_said(
    base_url: str, expected: str | None
) -> None:
    """Three regions' hosts are public."""
    given: dict[str, object] = {"base_url": base_url, **KEYS}
    assert LeadSquaredSettings.model_validate(given).async_url == expected


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mode": "async", "x_api_key": None}, "mode async needs an x_api_key"),
        ({"mode": "async", "async_base_url": None}, "mode async needs an async_base_url"),
        ({"shards": 2, "limits": []}, "mode bulk takes no shards"),
        ({"stages": {"sold": "Customer"}}, "'sold' is no status"),
        ({"status_path": "lead/status"}, "status_path"),
    ],
)
def test_settings_that_can_not_work_are_refused(wrong: dict[str, object], words: str) -> None:
    """With the reason."""
    given = {"base_url": BASE, "async_base_url": ASYNC, **KEYS, **wrong}
    with pytest.raises(ValidationError, match=words):
        LeadSquaredSettings.model_validate(given)


def test_shards_are_for_single_updates_without_limits() -> None:
    """Each shard is a caller of its own."""
    given = {"base_url": BASE, "mode": "sync", "shards": 2, "limits": [], **KEYS}
    assert LeadSquaredSettings.model_validate(given).shards == 2


def test_another_vendors_settings_are_no_connector() -> None:
    """A mistake of ours, not of a file."""
    with pytest.raises(TypeError):
        connect("lsq", ConnectorSettings(vendor="other"), {})
