"""What is written to stderr, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import orjson

from gateway import lines
from gateway.clock import SystemClock
from gateway.settings.model import LoggingSettings


class Written(Sequence[dict[str, Any]]):
    """The lines so far."""

    def __init__(self, stream: BytesIO) -> None:
        self._stream = stream

    def _lines(self) -> list[dict[str, Any]]:
        lines._output.flush()
        return [orjson.loads(line) for line in self._stream.getvalue().splitlines()]

    def __getitem__(self, place: Any) -> Any:
        return self._lines()[place]

    def __len__(self) -> int:
        return len(self._lines())


@contextmanager
def written_lines() -> Iterator[Written]:
    """Every line of level info and above, while inside."""
    stream = BytesIO()
    before = lines._output.lowest
    lines.configure(LoggingSettings(level="info"), SystemClock(), stream)
    try:
        yield Written(stream)
    finally:
        lines._output.flush()
        lines._output.lowest, lines._output.stream = before, None
