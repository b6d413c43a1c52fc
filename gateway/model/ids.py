"""Ids computed from what they stand for, so that a repeat after a crash has the same id."""

from __future__ import annotations

from hashlib import sha1
from uuid import NAMESPACE_URL, UUID, uuid5

NAMESPACE = uuid5(NAMESPACE_URL, "https://leadwire.io/ids").bytes


def derived_id(name: str) -> str:
    """The UUIDv5 (RFC 9562, section 5.5) of a name in our namespace; as `uuid.uuid5`, at a fifth
    of its cost, which is paid for every outcome."""
    digest = bytearray(sha1(NAMESPACE + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def first_id_at(unix_seconds: float) -> str:
    """The lowest UUIDv7 (RFC 9562, section 5.7) of a moment: event ids below it are older."""
    milliseconds = int(unix_seconds * 1000)
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7000-8000-000000000000"


def made_at(event_id: str) -> float | None:
    """Unix seconds at which a UUIDv7 was made (RFC 9562, section 5.7); None for any other text."""
    try:
        made = UUID(event_id)
    except ValueError:
        return None
    return (made.int >> 80) / 1000 if made.version == 7 else None


YOUNG = 600.0
"""Seconds in which an event id may be unknown only because the ledger is not there yet."""


def young(event_id: str, now: float) -> bool:
    """Whether an event id was made in the last ten minutes, by a clock up to a minute ahead."""
    made = made_at(event_id)
    return made is not None and -60.0 < now - made < YOUNG
