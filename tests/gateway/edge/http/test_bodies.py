"""Bodies that are packed: unpacked to their bound and no further."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialect import Malformed, TooLarge
from gateway.edge.http.bodies import unpacked

LIMIT = 4096
UNKNOWN = Malformed("the body's Content-Encoding is not one that is read")
BROKEN = Malformed("the body can't be unpacked")
BODY = b'{"Name":"Jane"}'


def raw_deflate(body: bytes) -> bytes:
    """Without zlib's wrapping, as some clients send it."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packing.compress(body) + packing.flush()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    " GZip ": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "identity": bytes,
    "": bytes,
}
every_packing = pytest.mark.parametrize(("name", "pack"), PACKINGS.items(), ids=PACKINGS.keys())


@every_packing
@given(st.binary(max_size=LIMIT))
def test_a_packed_body_is_unpacked(name: str, pack: Callable[[bytes], bytes], body: bytes) -> None:
    """In any case of its name, and with or without zlib's wrapping."""
    assert unpacked(pack(body), name, LIMIT) == body


@pytest.mark.parametrize(
    "name",
    ["br", "zstd", "compress", "gzip, gzip", "gzip,identity", "utf-8", "\udcff", "x" * 8000],
    ids=range(8),
)
def test_another_encoding_is_not_read(name: str) -> None:
    """Nor two of them."""
    assert unpacked(BODY, name, LIMIT) == UNKNOWN


@pytest.mark.parametrize("name", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body", [b"", b"x", BODY, b"\x78\x9c", b"\x1f\x8b\x08" + b"\0" * 40], ids=range(5)
)
def test_what_was_not_packed_cannot_be_unpacked(name: str, body: bytes) -> None:
    """It is bad data."""
    assert unpacked(body, name, LIMIT) == BROKEN


@pytest.mark.parametrize(
    ("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"]
)
def test_half_a_body_and_two_of_them_cannot_be_unpacked(
    name: str, pack: Callable[[bytes], bytes]
) -> None:
    """Its end must be there, and nothing after it."""
    whole = pack(BODY)
    for body in (*(whole[:length] for length in range(1, len(whole))), whole + whole, whole + b"x"):
        assert unpacked(body, name, LIMIT) == BROKEN


@every_packing
def test_a_body_of_just_the_bound_is_read(name: str, pack: Callable[[bytes], bytes]) -> None:
    """One byte more is too large, where unpacking made it."""
    assert unpacked(pack(b"x" * LIMIT), name, LIMIT) == b"x" * LIMIT
    if name.strip().lower() not in {"", "identity"}:
        assert unpacked(pack(b"x" * (LIMIT + 1)), name, LIMIT) == TooLarge(LIMIT)


@pytest.mark.parametrize(
    ("name", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
)
def test_a_bomb_is_not_unpacked(name: str, pack: Callable[[bytes], bytes]) -> None:
    """64 MB of nothing, a thousandth of it on the way, cost no more memory than the bound."""
    bomb = pack(bytes(64 << 20))
    tracemalloc.start()
    try:
        assert unpacked(bomb, name, 65536) == TooLarge(65536)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 65536 + 2 * len(bomb)
