"""What connections may take of us, and what one that takes more is told at its end."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from gateway.settings.model import ServerSettings

HEAD, CALL, ANSWER, IDLE = "head", "call", "answer", "idle"
"""The phases of a connection."""
FULL, HEAD_SIZE, UNREADABLE = "full", "head_size", "unreadable"
"""Why one ends, beside the phase that took too long."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may take of us; times in seconds."""

    connections: float = inf
    """How many there may be at once."""
    head: int = 32768
    """Bytes of a request's line and headers together."""
    head_within: float = 10.0
    """From the connection's first moment, or a later request's first byte, to the end of the
    headers."""
    idle: float = 75.0
    """From an answer to the end of the next request's headers."""
    call_within: float = inf
    """From the headers to the answer, whatever goes on between them."""
    answer_within: float = inf
    """For how long a client may leave an answer unread."""

    def of(self, phase: str) -> float:
        """How long a connection may be in a phase."""
        if phase == HEAD:
            return self.head_within
        if phase == IDLE:
            return self.idle
        return self.call_within if phase == CALL else self.answer_within


def bounds(settings: ServerSettings) -> Bounds:
    """Those of the inbound listener."""
    return Bounds(
        settings.max_connections,
        settings.max_head,
        settings.head_within,
        settings.keep_alive,
        settings.call_within,
        settings.answer_read_within,
    )


def _said(status: str, body: bytes, more: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + more + b"Connection: close\r\n\r\n" + body


PARTING = {
    FULL: _said(
        "503 Service Unavailable", b'{"error":"too many connections"}', b"Retry-After: 5\r\n"
    ),
    HEAD: _said("408 Request Timeout", b'{"error":"the request did not come in time"}'),
    HEAD_SIZE: _said(
        "431 Request Header Fields Too Large", b'{"error":"the request\'s headers are too large"}'
    ),
}
