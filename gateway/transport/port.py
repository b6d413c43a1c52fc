"""The HTTP client port.

Any status is an answer, never an exception. What is not an answer is one of two values:

    ConnectFailed    the request never left us: safe to repeat
    AnswerUnknown    it left, no (whole) answer came: the other side may have acted
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias


class HttpRequest(NamedTuple):
    """A request to one absolute URL. Its repr shows neither query, headers nor body."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout: float = 30.0
    """Seconds for the whole exchange."""

    def __repr__(self) -> str:
        """Method and path only: queries, headers and bodies carry secrets and people's data."""
        return f"HttpRequest({self.method} {self.url.split('?', 1)[0]})"


class HttpResponse(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """At most the client's bound; a longer one is cut."""


BLOCKED = "blocked: "
"""What the guard's word begins with, wherever in a reason it stands."""


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """No connection: DNS, TCP, TLS, or refused by the guard."""

    reason: str

    @property
    def blocked(self) -> str:
        """The guard's word, where it refused the address; empty where it did not. Dialling again
        would meet the same guard."""
        _, found, why = self.reason.partition(BLOCKED)
        return found + why


@dataclass(frozen=True, slots=True)
class AnswerUnknown:
    """The connection was lost or the time ran out after the request left."""

    reason: str


HttpReply: TypeAlias = HttpResponse | ConnectFailed | AnswerUnknown


class HttpClient(Protocol):
    """Sends one request, once: no retry, no redirect, no cookie."""

    async def send(self, request: HttpRequest) -> HttpReply:
        """The reply; never raises for what the network does."""

    async def close(self) -> None:
        """Close idle connections."""
