"""Webhooks: updates posted to an endpoint of anybody's, signed by Standard Webhooks."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.vendor import Vendor
from connectors.webhook.mapping import CLOUD_EVENT
from connectors.webhook.outbound import WebhookSettings, connecting
from connectors.webhook.wire import HOOK_PATH


def _sandboxed(url: str) -> Mapping[str, str]:
    return {"url": url + HOOK_PATH}


VENDOR = Vendor(
    name="webhook",
    dialect=None,
    credential_settings=None,
    connector_settings=WebhookSettings,
    connect=connecting({CLOUD_EVENT.name: CLOUD_EVENT}),
    sandbox="connectors.webhook.sandbox",
    payloads=(CLOUD_EVENT,),
    posting=connecting,
    guarded=True,
    sandboxed=_sandboxed,
)
