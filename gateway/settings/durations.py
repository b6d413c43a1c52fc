"""Durations as people write them: a number and `ms`, `s`, `m`, `h` or `d`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST = 1000 * 365 * 86400.0
"""Seconds: no time is longer, so every time can be added to one."""
_FORM = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")


def seconds(value: object) -> float:
    """`250ms`, `5s`, `1m`, `24h`, `14d`, or a plain number of seconds from our own defaults."""
    if isinstance(value, bool):
        raise ValueError("a duration is a number and ms, s, m, h or d")
    if isinstance(value, int | float):
        number, unit = value, 1.0
    else:
        match = _FORM.match(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"a duration is a number and ms, s, m, h or d, not {value!r}")
        number, unit = float(match[1]), UNITS[match[2]]
    if not 0 <= number <= LONGEST / unit:
        raise ValueError("a duration is at most a thousand years")
    return float(number * unit)


def written(value: float) -> str:
    """The shortest form `seconds` reads back."""
    for unit in ("d", "h", "m", "s"):
        count = value / UNITS[unit]
        if value and count == int(count):
            return f"{int(count)}{unit}"
    return f"{value * 1000:.6f}".rstrip("0").rstrip(".") + "ms"


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(written, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _FORM.pattern, "examples": ["5s", "24h"]}),
]
"""Seconds, written as a number and a unit."""
