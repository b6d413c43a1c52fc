"""PollyBot: both generations of its lead update, spoken in both directions."""

from __future__ import annotations

from connectors.pollybot.inbound import PollyBotCredential, PollyBotDialect
from connectors.pollybot.outbound import PollyBotSettings, connect
from connectors.vendor import SampleCall, Vendor

SAMPLE = SampleCall(
    method="PUT",
    path="/api/v1/leads/lead_1234567890abcdef",
    query=(),
    headers=(
        ("Authorization", "Bearer sk-workspace_your_api_key"),
        ("Content-Type", "application/json"),
    ),
    body=b"""{
    "status": "contacted",
    "metadata": {
      "notes": "Follow up scheduled for next week",
      "last_interaction": "2024-01-16T14:30:00.000Z"
    }
  }""",
    keys={"sk-workspace_your_api_key": "token"},
    note='PollyBot, page "Update Lead", the cURL example: a status and two metadata keys',
)

VENDOR = Vendor(
    name="pollybot",
    dialect=PollyBotDialect(),
    credential_settings=PollyBotCredential,
    connector_settings=PollyBotSettings,
    connect=connect,
    sandbox="connectors.pollybot.sandbox",
    samples=(SAMPLE,),
)

__all__ = ["VENDOR"]
