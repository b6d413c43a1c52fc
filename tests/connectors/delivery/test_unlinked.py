"""Leads of which a vendor's id is not known."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.delivery.connector import Conversation, Delivery, NotLinked
from gateway.model.event import LeadId, lead_key
from gateway.store import leads
from tests.connectors.delivery.engine import NAME, bench, passed, plan, update
from tests.connectors.delivery.fake_vendor import TestConnector, ok
from tests.virtual import in_virtual_time


class Strict(TestConnector):
    """A vendor that knows leads by its own ids only."""

    def converse(self, deliveries: Sequence[Delivery]) -> Conversation:
        """See TestConnector."""
        if all(delivery.ids for delivery in deliveries):
            return (yield from super().converse(deliveries))
        return (NotLinked(),) * len(deliveries)


@in_virtual_time
async def test_a_link_that_was_made_elsewhere_is_seen_before_a_lead_is_given_up() -> None:
    """What a process has heard of links may be a second old, and a dead letter is for good."""
    async with bench(ok) as made:
        home = LeadId("home", "1")
        linked = [home, LeadId(NAME, "a")]
        key = lead_key("default", home)
        await made.append(
            update("e0", key, ids=(home,)), update("e1", "b", ids=(LeadId("home", "2"),))
        )
        await made.store.run(lambda: leads.link("default", [linked]))
        async with made.running(plan(connector=Strict())):
            await passed(3.0)
        assert await made.ends() == {"e0": "applied", "e1": "dead_lettered lead_not_linked"}
