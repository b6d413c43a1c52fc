"""Endpoints that want no more, or that nobody mends for days: they are paused, so that what is for
them waits and is not tried for ever. `leadwire connectors resume` lets them go on."""

from __future__ import annotations

from connectors.delivery.gate import PAUSED, Gate
from connectors.delivery.plan import Plan, Ports
from gateway import lines
from gateway.model.codes import Code
from gateway.store import connectors


async def disable(plan: Plan, ports: Ports, gate: Gate) -> None:
    """Pause the connector where that is due. Raises DatabaseUnavailable."""
    why = why_disabled(plan.disable_after, gate, ports.clock.monotonic())
    if why is None or gate.is_shut(PAUSED):
        return
    await ports.store.run(lambda: connectors.wish(plan.name, PAUSED))
    gate.shut(PAUSED)
    lines.error("connector.disabled", connector=plan.name, reason=why)


def why_disabled(after: float | None, gate: Gate, now: float) -> str | None:
    """Why it is to be paused: the vendor's own word at once, anything else after so many seconds
    without a proper answer; None: never."""
    if after is None:
        return None
    if gate.reason.startswith(Code.VENDOR_ENDPOINT_RETIRED):
        return gate.reason
    since = min(gate.breaker.open_since, gate.settings.open_since)
    if now - since < after:
        return None
    return f"no proper answer for {now - since:.0f} s"
