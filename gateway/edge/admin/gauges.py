"""Gauges that nobody keeps up to date: measured when somebody looks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.database.port import DatabaseUnavailable
from gateway.edge.admin.asked import Parts
from gateway.edge.admin.consumers import oldest_unsettled
from gateway.eventlog.port import LogUnavailable, Topic
from gateway.metrics import Metrics
from gateway.store import standing


class Gauges:
    """Measures before a scrape."""

    def __init__(
        self, parts: Parts, metrics: Metrics, waiting: Callable[[], Mapping[str, int]]
    ) -> None:
        """`waiting` counts the calls that wait, by dialect."""
        self._parts, self._metrics, self._waiting = parts, metrics, waiting

    async def measure(self) -> None:
        """Set them; one that can't be measured now is left out."""
        for dialect, count in self._waiting().items():
            self._metrics.waiting_calls(dialect).set(count)
        self._measure_disk()
        self._metrics.retention_margin_seconds.clear()
        try:
            await self._measure_margins()
        except (DatabaseUnavailable, LogUnavailable):
            self._metrics.retention_margin_seconds.clear()

    def _measure_disk(self) -> None:
        url = self._parts.settings.log.url
        path = url.removeprefix("sqlite:")
        if path == url:
            return
        try:
            free = shutil.disk_usage(Path(path).parent).free
        except OSError:
            return
        self._metrics.log_free_bytes().set(free)

    async def _measure_margins(self) -> None:
        """Retention less the age of the oldest update not settled; all of it where none is."""
        parts = self._parts
        places = await parts.store.run(lambda: standing.places(Topic.UPDATES))
        extents = await parts.log.extents(Topic.UPDATES)
        kept, now = parts.settings.log.retention, parts.clock.now()
        for name, frontiers in places.items():
            oldest = await oldest_unsettled(parts.log, frontiers, extents)
            margin = kept if oldest is None else kept - (now - oldest)
            self._metrics.retention_margin_seconds(name).set(margin)
