"""Endpoints that want no more, and those that nobody mends."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.delivery.connector import Conversation, Delivery, Misconfigured
from gateway.model.codes import Code
from gateway.transport.port import ConnectFailed
from tests.connectors.delivery.engine import bench, passed, plan, update
from tests.connectors.delivery.fake_vendor import TestConnector, ok, says, until
from tests.virtual import in_virtual_time

PAUSED = ("paused", "by an operator, or because its endpoint was disabled")


class Retired(TestConnector):
    """A vendor whose every answer is that it wants no more."""

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """See TestConnector."""
        yield from super().converse(deliveries)
        return (Misconfigured(Code.VENDOR_ENDPOINT_RETIRED, "no more", 410),)


@in_virtual_time
async def test_an_endpoint_that_wants_no_more_is_paused_at_once() -> None:
    """It is sent nothing, also after a restart; the update waits."""
    async with bench(ok) as made:
        await made.append(update("e0"))
        retired = plan(connector=Retired(), disable_after=1000.0)
        async with made.running(retired):
            await passed(200.0)
        async with made.running(plan(disable_after=1000.0)):
            await passed(200.0)
            state = await made.state()
            times = list(made.vendor.times)
            await made.wish("run")
            await passed(2.0)
        assert (state, times) == (PAUSED, [0.0])
        assert await made.ends() == {"e0": "applied"}


@in_virtual_time
async def test_an_endpoint_that_fails_for_long_is_paused() -> None:
    """Whatever it fails of; and goes on when an operator says so."""
    async with bench(until(300.0, ConnectFailed("refused"))) as made:
        await made.append(update("e0"))
        async with made.running(plan(disable_after=120.0, failures=1)):
            await passed(100.3)
            before, _ = await made.state()
            await passed(100.0)
            after = await made.state()
            tried = len(made.vendor.times)
            await passed(200.0)
            await made.wish("run")
            await passed(70.0)
        assert (before, after, len(made.vendor.times)) == ("breaker_open", PAUSED, tried + 1)
        assert await made.ends() == {"e0": "applied"}


@in_virtual_time
async def test_a_connector_is_never_paused_by_itself() -> None:
    """Nobody's updates wait for a word that nobody knows of."""
    async with bench(lambda _: says(401)) as made:
        await made.append(update("e0"))
        async with made.running():
            await passed(20_000.3)
            assert (await made.state())[0] == "stopped"
