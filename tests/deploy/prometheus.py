"""A Prometheus that scrapes a server of ours, on loopback, and what it has found."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
import orjson

from gateway.clock import SystemClock
from tests.deploy.named import ALERTS
from tests.deploy.tools import found
from tests.journeys.running import Caller
from tests.ports import free_port


class Series(NamedTuple):
    """One line of a panel."""

    labels: Mapping[str, str]
    values: tuple[float, ...]
    """Without those that are no number."""


class Prometheus:
    """Its HTTP API."""

    def __init__(self, caller: Caller) -> None:
        """What was scraped from now on is asked about."""
        self._caller, self._clock = caller, SystemClock()
        self._began = self._clock.now()

    async def series(self, expr: str) -> list[Series]:
        """What a panel that shows the time from the beginning would draw, a value a second."""
        asked = {"query": expr, "start": self._began, "end": self._clock.now(), "step": 1}
        told = await self._ask("/api/v1/query_range", asked)
        drawn = (Series(one["metric"], _numbers(one["values"])) for one in told["result"])
        return [one for one in drawn if one.values]

    async def values(self, label: str, metric: str) -> list[str]:
        """The values of a metric's label, sorted."""
        found: list[str] = await self._ask(f"/api/v1/label/{label}/values", {"match[]": metric})
        return found

    async def rules(self) -> dict[str, str]:
        """How the evaluation of each alert went."""
        told = await self._ask("/api/v1/rules", {})
        return {one["name"]: one["health"] for group in told["groups"] for one in group["rules"]}

    async def _ask(self, path: str, asked: Mapping[str, object]) -> Any:
        told = await self._caller.call("GET", f"{path}?{urlencode(asked)}", b"")
        answer = orjson.loads(told.body)
        assert (told.status, answer["status"]) == (200, "success"), answer
        return answer["data"]


def _numbers(values: list[tuple[float, str]]) -> tuple[float, ...]:
    numbers = (float(text) for _, text in values)
    return tuple(number for number in numbers if not isnan(number))


@asynccontextmanager
async def prometheus(folder: Path, admin_port: int) -> AsyncIterator[Prometheus]:
    """Scrape a server twice a second, and evaluate our alerts."""
    port = free_port()
    target = {"targets": [f"127.0.0.1:{admin_port}"], "labels": {"role": "all"}}
    document = {
        "global": {
            "scrape_interval": "500ms",
            "scrape_timeout": "500ms",
            "evaluation_interval": "1s",
        },
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": "leadwire", "static_configs": [target]}],
    }
    file = folder / "prometheus.yml"
    file.write_bytes(orjson.dumps(document))
    process = await asyncio.create_subprocess_exec(
        found("prometheus") or "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with Caller(f"http://127.0.0.1:{port}") as caller:
            await _ready(caller)
            yield Prometheus(caller)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _ready(caller: Caller) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if (await caller.call("GET", "/-/ready", b"")).status == 200:
                    return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)
