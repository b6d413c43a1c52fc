"""Lines on stderr."""

from __future__ import annotations

import asyncio
import logging

from gateway import lines
from tests.gateway.edge.lines import written_lines


def test_a_line_is_json_with_its_level_and_time() -> None:
    """Written at once where no loop runs; below the level, not at all."""
    with written_lines() as written:
        lines.debug("unheard")
        lines.info("call.answered", status=200, events=("a",))
    (line,) = written
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "event": "call.answered", "status": 200, "events": ["a"]}


async def test_lines_of_one_turn_are_written_together() -> None:
    """After it, in order."""
    with written_lines() as written:
        lines.warning("first")
        lines.error("second")
        assert written._stream.getvalue() == b""
        await asyncio.sleep(0)
        assert [line["event"] for line in written] == ["first", "second"]


def test_an_exception_is_told_with_its_trace() -> None:
    """For whoever mends it."""
    with written_lines() as written:
        try:
            raise ValueError("odd")
        except ValueError:
            lines.exception("connector.failed", connector="polly")
    (line,) = written
    assert (line["level"], line["connector"]) == ("error", "polly")
    assert line["exception"].splitlines()[-1] == "ValueError: odd"


def test_what_a_library_says_is_a_line_too() -> None:
    """From `warning` on, with its name; an exception with its trace."""
    library = logging.getLogger("aiokafka.client")
    with written_lines() as written:
        library.info("connected")
        library.warning("node %s is away", 1)
        try:
            raise ValueError("odd")
        except ValueError:
            library.exception("fetch failed")
    away, failed = written
    assert (away["level"], away["event"]) == ("warning", "library.said")
    assert (away["library"], away["text"]) == ("aiokafka.client", "node 1 is away")
    assert (failed["level"], failed["text"]) == ("error", "fetch failed")
    assert failed["exception"].splitlines()[-1] == "ValueError: odd"
