"""Prometheus scrapes a server in trouble, and no panel of the dashboard stays empty."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path

from deploy.panels import SECTIONS, VARIABLES, Query
from tests.deploy.named import RULES
from tests.deploy.prometheus import Prometheus, Series, prometheus
from tests.deploy.tools import needs
from tests.deploy.traffic import troubled

WITHIN = 40.0
"""Seconds; ten do on an idle machine."""
CHOSEN = {"$__rate_interval": "3s", "$connector": ".*", "$dialect": ".*"}
"""What Grafana puts in the place of its variables; it takes four scrapes and more for a rate."""
QUERIES = {
    f"{title}: {panel.title}: {query.legend}": query
    for title, _, panels in SECTIONS
    for panel in panels
    for query in panel.queries
}


def asked(query: Query) -> str:
    """The expression as Grafana would ask it."""
    return re.sub(r"\$\w+", lambda name: CHOSEN[name[0]], query.expr)


def is_drawn(query: Query, series: list[Series]) -> bool:
    """Whether it has a line that is not zero all along, and the labels that it is named by."""
    wanted = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
    named = all(wanted <= set(one.labels) for one in series)
    return named and any(value != 0.0 for one in series for value in one.values)


async def empty(scraped: Prometheus) -> list[str]:
    """What is not drawn."""
    return [
        name
        for name, query in QUERIES.items()
        if not is_drawn(query, await scraped.series(asked(query)))
    ]


@needs("prometheus")
async def test_no_panel_is_empty(tmp_path: Path) -> None:
    """Each expression gives a line, of values that are not all zero; the variables have their
    choices; every alert can be evaluated."""
    missing = list(QUERIES)
    async with troubled(tmp_path) as e, prometheus(tmp_path, e.server.admin_port) as scraped:
        with suppress(TimeoutError):
            async with asyncio.timeout(WITHIN):
                while missing:
                    await asyncio.sleep(0.5)
                    missing = await empty(scraped)
        assert missing == []
        choices = {
            name: await scraped.values(name, VARIABLES[name].partition("(")[2].partition(",")[0])
            for name in VARIABLES
        }
        health = await scraped.rules()
    assert choices == {
        "connector": [
            "automations.log",
            "automations.update_lead",
            "hook",
            "lsq",
            "nexa",
            "noojee-au",
            "polly",
        ],
        "dialect": ["dialnexa", "leadsquared", "native", "noojee", "pollybot"],
    }
    assert health == {rule["alert"]: "ok" for rule in RULES}
