"""How much a crash could repeat."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.eventlog.port import NewRecord
from gateway.store.settling import Settlement
from tests.connectors.delivery.engine import bench, neighbours, passed, plan, update
from tests.connectors.delivery.fake_vendor import ok
from tests.virtual import in_virtual_time


@in_virtual_time
async def test_what_is_not_settled_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash it would be sent again: together with what is being sent it is never more than
    `concurrency`, however long the store takes."""
    async with bench(ok) as made:
        await made.append(*(update(f"e{i}", lead) for i, lead in enumerate(neighbours(12))))
        settle, most = made.journal.settle, 0

        async def slowly(settlement: Settlement, records: Sequence[NewRecord]) -> None:
            nonlocal most
            await passed(1.0)
            done = len(await made.ends())
            most = max(most, len(made.vendor.received) - done)
            await settle(settlement, records)

        monkeypatch.setattr(made.journal, "settle", slowly)
        async with made.running(plan(concurrency=4)):
            await passed(10.0)
        assert (most, len(await made.ends())) == (4, 12)
