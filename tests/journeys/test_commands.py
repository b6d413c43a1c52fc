"""Commands beside a running server, and on the files alone."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import orjson

from tests.journeys.deployments import alone
from tests.journeys.operating import bench, leadwire, sold
from tests.journeys.running import (
    ROOT,
    document,
    written,
)


async def test_the_command_follows_a_topic(tmp_path: Path) -> None:
    """And ends well when it is interrupted."""
    async with bench(tmp_path) as b:
        first = await sold(b)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "events",
            "--follow",
            "--json",
            "--config",
            str(b.config),
            cwd=ROOT,
            stdout=PIPE,
            stderr=PIPE,
        )
        assert process.stdout is not None
        lines = [await process.stdout.readline()]
        second = await sold(b)
        lines.append(await process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert [orjson.loads(line)["id"] for line in lines] == [first, second]
        assert (process.returncode, err) == (0, b"")


@alone("it opens the file when nobody serves it")
async def test_commands_say_the_same_with_and_without_a_server(tmp_path: Path) -> None:
    """Through the admin API, and by opening the files."""
    async with bench(tmp_path) as b:
        event = await sold(b)
        await b.settled(event)
        asked = (
            ("status", event, "--json"),
            ("events", "--topic", "outcomes", "--json"),
            ("dead-letters", "list"),
            ("leads", "show", "noojee-au:9856", "--scope", "allocation_id=38"),
        )
        live = [await leadwire(b.config, *words) for words in asked]
    alone = [await leadwire(b.config, *words) for words in asked]
    assert [code for code, _, _ in live] == [0, 0, 0, 0]
    assert live == alone
    states = {d["connector"]: d["state"] for d in orjson.loads(live[0][1])["deliveries"]}
    assert states == {"noojee-au": "applied", "polly": "dead_lettered"}
    assert len(live[1][1].splitlines()) == 2


async def test_an_update_accepted_before_its_lead_was_linked_finds_the_link(
    tmp_path: Path,
) -> None:
    """Linked by command, the other vendor's id first and without a scope: the lead has another
    key now than the update had."""
    async with bench(tmp_path) as b:
        event = await sold(b)
        await b.settled(event)
        said = await leadwire(b.config, "leads", "link", "polly:lead_1", "noojee-au:9856")
        assert said[0] == 0
        code, out, _ = await leadwire(b.config, "dead-letters", "redrive")
        assert (code, out.splitlines()[0]) == (0, "sends 1 dead letter again")
        await b.when(f"/updates/{event}", lambda one: one["deliveries"][1]["state"] == "applied")


async def test_links_are_imported_whole_or_not_at_all(tmp_path: Path) -> None:
    """A bad row is exit 1 with its line; a good file is one answer."""
    async with bench(tmp_path) as b:
        file = tmp_path / "links.csv"
        rows = "lead,system,scope,id\na,noojee-au,allocation_id=38,9856\na,polly,,"
        file.write_text(rows + "\n")
        code, out, err = await leadwire(b.config, "leads", "import", str(file))
        bad = f"leadwire: {file}:3: a lead's id has a system and an id\n"
        assert (code, out, err) == (1, "", bad)
        file.write_text(rows + "lead_1\n")
        code, out, err = await leadwire(b.config, "leads", "import", str(file))
        assert (code, out, err) == (0, "linked 2 ids to 1 lead\n" + out.splitlines()[1], "")
        assert await b.settled(await sold(b)) == {"noojee-au": "applied", "polly": "applied"}


async def test_an_unknown_update_is_exit_1_and_a_wrong_word_exit_2(tmp_path: Path) -> None:
    """Said on stderr."""
    config = written(tmp_path, document(tmp_path, "http://127.0.0.1:1"))
    assert await leadwire(config, "status", "nope") == (
        1, "", "leadwire: no update has the id nope\n",
    )  # fmt: skip
    assert await leadwire(config, "events", "--topic", "replies") == (
        2,
        "",
        "leadwire: topic is one of updates, outcomes, triggers, dead-letters, not 'replies'\n",
    )
