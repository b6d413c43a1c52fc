"""The JSON values that travel in events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonValue: TypeAlias = (
    str | int | float | bool | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
)
JsonObject: TypeAlias = Mapping[str, JsonValue]


def merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """Apply an RFC 7396 merge patch: objects merge, arrays are replaced, null removes."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


DEEPEST = 64
"""Objects and arrays inside each other that a call may hold. Readers go down to 1,024, writers
only to 254, and what is taken must be written."""


def nested_too_deep(text: bytes, value: JsonValue) -> bool:
    """Whether a value, read from `text`, holds more than DEEPEST levels."""
    if text.count(b"{") + text.count(b"[") <= DEEPEST:
        return False
    level = [value]
    for _ in range(DEEPEST + 1):
        inner: list[JsonValue] = []
        for each in level:
            if isinstance(each, Mapping):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        if not any(isinstance(each, Mapping | list) for each in level):
            return False
        level = inner
    return True
