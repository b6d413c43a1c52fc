"""Connectors that wait for what an authority decides, and a log with holes in it."""

from __future__ import annotations

import pytest

from tests.connectors.delivery.engine import NAME, bench, follower, passed, plan, update
from tests.connectors.delivery.fake_vendor import Answer, Vendor, ok, says
from tests.virtual import in_virtual_time


@pytest.mark.parametrize(
    ("answer", "ends", "received"),
    [
        (ok, "applied", ["e0"]),
        (lambda _: says(422), "skipped not_sent_refused", []),
    ],
)
@pytest.mark.parametrize("order", ["boss first", "follower first", "restart between"])
def test_a_follower_hears_of_what_its_authority_applied_and_of_nothing_else(
    answer: Answer, ends: str, received: list[str], order: str
) -> None:
    """Whoever comes first, and whatever is restarted in between."""

    @in_virtual_time
    async def scenario() -> None:
        async with bench(ok) as made:
            made.vendors["boss"] = Vendor(answer)
            boss, crm = plan("boss"), plan()
            await made.append(follower("e0"), update("e1"))
            first = boss if order == "boss first" else crm
            async with made.running(first):
                await passed(3.0)
            if order == "restart between":
                async with made.running(crm):
                    await passed(3.0)
            async with made.running(boss, crm):
                await passed(20.0)
            outcomes = {
                o.event_id: f"{o.kind} {o.code}"
                for o in await made.outcomes()
                if o.connector == NAME
            }
            assert {"e0": ends, "e1": "applied"} == {
                k: v.removesuffix(" ok") for k, v in outcomes.items()
            }
            assert [*received, "e1"] == made.vendor.received

    scenario()
