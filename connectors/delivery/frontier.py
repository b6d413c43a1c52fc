"""Which offsets of one partition are settled: the offset below which all are, and a bitmap of
those above it.

A crash may only repeat what was not settled, so this is all a connector must remember of its
place in the log. Lanes settle in any order; one slow lead holds the frontier back but nobody
else, until `WINDOW` offsets lie above it and the partition isn't fetched until it moves.

Offsets that the log skips (compaction, retention) hold no record and count as settled.
"""

from __future__ import annotations

WINDOW = 20_000
"""Most offsets a partition may be ahead of its frontier before it isn't fetched."""


class Frontier:
    """One partition's place. Told of offsets as they are fetched (`seen`), in any order as they
    are done (`settle`)."""

    __slots__ = ("_base", "_next", "_settled")

    def __init__(self, base: int, settled: int = 0) -> None:
        """`settled` is a bitmask: bit i stands for offset `base + i`. Raises ValueError where
        either is negative."""
        if base < 0 or settled < 0:
            raise ValueError("neither an offset nor a bitmask is negative")
        self._base = base
        self._next = base
        self._settled = settled
        self._advance()

    @classmethod
    def decode(cls, base: int, bitmap: bytes) -> Frontier:
        """The inverse of `encode`; nothing counts as seen, fetching goes on at `base`."""
        return cls(base, int.from_bytes(bitmap, "little"))

    def encode(self) -> tuple[int, bytes]:
        """The base and the settled offsets above it, lowest first, bit 0 of byte 0 is `base`."""
        size = (self._settled.bit_length() + 7) // 8
        return self._base, self._settled.to_bytes(size, "little")

    @property
    def base(self) -> int:
        """All offsets below this are settled."""
        return self._base

    @property
    def next_offset(self) -> int:
        """Where to fetch next: one past the highest offset seen, never below `base`."""
        return self._next

    @property
    def span(self) -> int:
        """How many offsets lie from `base` to the highest seen."""
        return self._next - self._base

    @property
    def full(self) -> bool:
        """Whether the partition must not be fetched until the base moves."""
        return self.span >= WINDOW

    def above(self) -> int:
        """How many offsets are seen and not settled."""
        seen = (1 << self.span) - 1
        return self.span - (self._settled & seen).bit_count()

    def seen(self, offset: int) -> None:
        """A record was fetched. Offsets come in increasing order; what lies between the last
        one and this is not in the log and is thereby settled. A repeat changes nothing."""
        if offset < self._next:
            return
        missing = offset - self._next
        if missing:
            self._settled |= ((1 << missing) - 1) << self.span
        self._next = offset + 1
        if missing:
            self._advance()

    def settle(self, offset: int) -> None:
        """The offset is done; said twice is said once."""
        distance = offset - self._base
        if distance < 0:
            return
        self._settled |= 1 << distance
        if distance == 0:
            self._advance()

    def is_settled(self, offset: int) -> bool:
        """Whether the offset needs no more work."""
        distance = offset - self._base
        return distance < 0 or bool(self._settled >> distance & 1)

    def _advance(self) -> None:
        """Move the base over the settled offsets that touch it."""
        lowest_open = ~self._settled & (self._settled + 1)
        steps = lowest_open.bit_length() - 1
        if steps:
            self._base += steps
            self._settled >>= steps
            self._next = max(self._next, self._base)
