"""What may come from the internet: texts, JSON and calls of every kind, good ones bent and bad
ones, for property tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import orjson
from hypothesis import strategies as st

from gateway.dialect import Call, Route
from tests.contracts.spoken import Spoken

Text: TypeAlias = st.SearchStrategy[str]

ODD = (
    *("", " ", "\x00", "a\x00b", "\ud800", "\udcff", "NaN", "null", "<No Change>", "%00", "%"),
    *("-0", "1e999", "9" * 400, "²", "٣", "İ", "ß", "+61491570156", "a@example.com", "{", "["),
    *("2026-02-30T25:61:61Z", "0000-00-00", "9999-12-31T23:59:59.999999999+99:99", "x" * 5000),
    *("🔑", "\u202e", "\r\n", "'", '"', "=", ";", ",", "__proto__", "../..", "$(", "{{", "true"),
)
texts: Text = st.sampled_from(ODD) | st.text(max_size=20)
numbers = st.sampled_from(
    [
        "NaN",
        "-Infinity",
        "1e999",
        "-0",
        "1" * 30,
        "1" * 5000,
        "0.1e-400",
        "01",
        "18446744073709551616",
    ]
)
"""Tokens that are written as numbers, and are none or too large ones."""
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
values: st.SearchStrategy[Any] = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def written(value: Any) -> bytes:
    """A value as JSON, with what JSON has no words for written all the same: half a surrogate as
    its escape, whole numbers of any length, NaN."""
    match value:
        case str():
            inside = "".join(
                c if " " <= c <= "~" and c not in '"\\' else _escaped(c) for c in value
            )
            return f'"{inside}"'.encode()
        case dict():
            pairs = [written(str(name)) + b":" + written(each) for name, each in value.items()]
            return b"{" + b",".join(pairs) + b"}"
        case list():
            return b"[" + b",".join(map(written, value)) + b"]"
        case bool() | None:
            return orjson.dumps(value)
    return str(value).replace("inf", "1e999").encode()


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


@st.composite
def bent(draw: st.DrawFn, value: Any, depth: int = 3) -> Any:
    """A value with something in it changed, lost, added or moved."""
    if depth == 0 or not isinstance(value, dict | list) or draw(st.integers(0, 5)) == 0:
        return draw(values)
    if isinstance(value, list):
        kept = [each for each in value if draw(st.booleans())]
        if kept:
            place = draw(st.integers(0, len(kept) - 1))
            kept[place] = draw(bent(kept[place], depth - 1))
        return kept * draw(st.sampled_from([1, 1, 1, 2, 40]))
    changed = dict(value)
    for name in draw(st.lists(st.sampled_from(sorted(value)), max_size=3)) if value else []:
        changed[name] = draw(bent(value[name], depth - 1))
    for name in draw(st.lists(st.sampled_from(sorted(value)), max_size=2)) if value else []:
        changed.pop(name, None)
    return changed | draw(st.dictionaries(texts, values, max_size=2))


@st.composite
def bodies(draw: st.DrawFn, sample: bytes) -> bytes:
    """A call's body: the sample bent, cut, mixed with other bytes, or none of it."""
    try:
        value = orjson.loads(sample)
    except orjson.JSONDecodeError:
        value = {}
    text = written(draw(bent(value)))
    match draw(st.integers(0, 6)):
        case 0:
            return draw(st.binary(max_size=200))
        case 1:
            return text[: draw(st.integers(0, len(text)))]
        case 2:
            place = draw(st.integers(0, len(text)))
            return text[:place] + draw(st.binary(min_size=1, max_size=4)) + text[place:]
        case 3:
            return sample.replace(b'"', b'"' + draw(texts).encode("utf-8", "replace"), 1)
        case 4:
            return written(value)[:-1] + b',"a":' + draw(numbers).encode() + b"}"
        case 5:
            opened = draw(st.sampled_from([b'{"a":', b"[", b'[{"a":']))
            return opened * draw(st.sampled_from([63, 64, 65, 300, 2000, 50_000]))
        case _:
            return text


@st.composite
def calls(draw: st.DrawFn, spoken: Spoken) -> tuple[Call, bytes]:
    """A call of a dialect's operation: parameters, query and headers of a sample, some of them
    changed, lost, doubled or added."""
    number = draw(st.integers(0, len(spoken.samples) - 1))
    told, body = spoken.call(number), spoken.samples[number].body
    route: Route = draw(st.sampled_from(spoken.dialect.routes))
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    # The listener decodes a path: half a surrogate in it is none any more.
    values_ = texts.filter(bool).map(lambda text: text.encode(errors="replace").decode())
    parameters = dict.fromkeys(names, "1") | dict(told.parameters)
    if draw(st.booleans()) and names:
        parameters[names[0]] = draw(values_)
    headers = dict(draw(_pairs(tuple(told.headers.items()))))
    query = draw(_pairs(told.query))
    call = Call(route.method, told.path, route.operation, parameters, query, headers)
    return call, draw(bodies(body))


@st.composite
def _pairs(draw: st.DrawFn, given: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    kept = []
    for name, value in given:
        match draw(st.integers(0, 7)):
            case 0:
                continue
            case 1:
                kept.append((name, draw(texts)))
            case 2:
                kept.append((name.upper(), value))
            case 3:
                kept.extend([(name, value), (name, draw(texts))])
            case _:
                kept.append((name, value))
    more = st.tuples(st.sampled_from(EXTRA) | texts, texts)
    return (*kept, *draw(st.lists(more, max_size=2)))


EXTRA = (
    "authorization", "x-api-key", "idempotency-key", "traceparent", "content-type", "prefer",
    "content-encoding", "ce-id", "postUpdatedLead", "accessKey", "secretKey", "apiKey",
)  # fmt: skip
