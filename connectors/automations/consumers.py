"""Who carries actions out: a connector of the engine for each endpoint and for each kind that
needs none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors.automations.document import Automations
from connectors.automations.mailing import Mailing
from connectors.automations.performing import Accept, Following, Noting, Performer
from connectors.automations.publishing import Publish, Publishing
from connectors.automations.rules import CONSUMER
from connectors.delivery.judgement import Policy
from connectors.delivery.plan import Plan
from gateway.clock import Clock
from gateway.settings.model import BreakerSettings, ConnectorSettings, RetrySettings

Plans = Callable[[str, ConnectorSettings], Plan]
"""How a connector to an endpoint is planned, as any connector is."""
CONCURRENCY = 16


@dataclass(frozen=True)
class Means:
    """By what actions are carried out."""

    endpoint: Plans
    accept: Accept
    publish: Publish | None
    """None where the log has no topics of others."""
    clock: Clock


def consumers(automations: Automations, means: Means) -> list[Plan]:
    """All of them; what no rule uses waits for nothing, and costs nothing."""
    performers: dict[str, Performer] = {"update_lead": Following(means.accept), "log": Noting()}
    if means.publish is not None:
        performers["publish"] = Publishing(means.publish, means.clock)
    if automations.email is not None:
        performers["email"] = Mailing(automations.email, means.clock)
    endpoints = [
        replace(means.endpoint(CONSUMER + name, settings), disable_after=automations.disable_after)
        for name, settings in automations.endpoints.items()
    ]
    return [*endpoints, *(_performed(name, performer) for name, performer in performers.items())]


def _performed(name: str, performer: Performer) -> Plan:
    retry, breaker = RetrySettings(), BreakerSettings()
    return Plan(
        name=CONSUMER + name,
        system="",
        connector=performer,
        policy=Policy(
            retry.attempts, retry.first, retry.max, retry.max_age, performer.throttle_wait
        ),
        limits=(),
        concurrency=CONCURRENCY,
        failures=breaker.failures,
        open_for=breaker.open,
        max_open=breaker.max_open,
        triggers="never",
        reads_log=False,
        client=performer,
    )
