"""Receivers that are not ours read what is posted: the reference libraries of Standard Webhooks in
Python and JavaScript, and the CloudEvents SDK."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook, WebhookVerificationError

from connectors.automations.facts import Fact
from connectors.automations.rules import actions_of
from connectors.delivery.connector import Delivery
from gateway.clock import SystemClock
from gateway.model.changes import Set
from gateway.model.codec import update_data
from tests.connectors.automations.rulebook import book, rule
from tests.connectors.webhook.hooks import EVENT, OTHER, SECRET, delivery, posted

PROGRAM = Path(__file__).with_name("verify.cjs")
MODULES = os.environ.get("LEADWIRE_TEST_NODE_PATH", "")
"""A `node_modules` folder with the npm package `standardwebhooks` in it."""
CI = os.environ.get("CI") == "true"


def of_update() -> Delivery:
    """An update, as a connector posts it."""
    changes = {**EVENT.changes, "full_name": Set("Jané ☎")}
    return delivery(SystemClock().now(), changes=changes)


def of_action() -> Delivery:
    """A trigger, as a rule's action tells of it."""
    told = of_update()
    loaded = book({"rules": [rule(do=[{"log": "x"}])]})
    trigger = Fact("t1", "dispositionAction", "crm", EVENT.time, told.event, {}, {})
    (queued,) = actions_of(loaded.rules.rules[0], trigger, "v1")
    return told._replace(event=queued.action.update, action=queued.action)


DELIVERIES = {"update": of_update, "action": of_action}


def request_now(what: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a webhook that is posted now, with more than ASCII in it, while a secret
    is changed for another."""
    request = posted(DELIVERIES[what](), secret=[OTHER, SECRET])
    return dict(request.headers), request.body


@pytest.mark.parametrize("what", DELIVERIES)
@pytest.mark.parametrize("secret", [OTHER, SECRET])
def test_the_python_library_verifies_it(secret: str, what: str) -> None:
    """With either secret; not a changed body."""
    headers, body = request_now(what)
    assert Webhook(secret).verify(body, headers) == orjson.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"Sale", b"Lost"), headers)


@pytest.mark.skipif(
    not MODULES and not CI,
    reason="LEADWIRE_TEST_NODE_PATH names no folder with the npm package standardwebhooks",
)
@pytest.mark.parametrize("what", DELIVERIES)
def test_the_javascript_library_verifies_it(what: str) -> None:
    """With either secret; not a changed body."""
    node = shutil.which("node")
    assert node is not None
    assert MODULES
    headers, body = request_now(what)
    cases = [
        {"secret": secret, "headers": headers, "body": text}
        for secret in (OTHER, SECRET)
        for text in (body.decode(), body.decode().replace("Sale", "Lost"))
    ]
    done = subprocess.run(
        [node, str(PROGRAM)],
        input=json.dumps(cases),
        env={**os.environ, "NODE_PATH": MODULES},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    verified = orjson.loads(body)
    assert json.loads(done.stdout) == [verified, None, verified, None]


def test_the_cloudevents_sdk_reads_it() -> None:
    """As a structured event: envelope, extensions and data."""
    request = posted(delivery())
    event = from_http_event(HTTPMessage(dict(request.headers), request.body))
    assert event.get_attributes() | {"time": event.get_attributes()["time"].isoformat()} == {
        "specversion": "1.0",
        "id": EVENT.id,
        "type": "io.leadwire.lead.update.requested.v1",
        "source": "/default/noojee",
        "subject": "ld_1",
        "time": "2026-11-22T00:00:00+00:00",
        "datacontenttype": "application/json",
        "partitionkey": "ld_1",
        "tenant": "default",
    }
    assert event.get_data() == orjson.loads(orjson.dumps(update_data(EVENT)))
