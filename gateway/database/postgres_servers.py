"""The servers that a PostgreSQL URL names, and what may be said of it: never its password.

`postgresql://user:password@host1:5432,host2/database?sslmode=verify-full`: percent-encoding,
queries, the PG… variables and password files are as asyncpg takes them. The servers are tried one
by one, since asyncpg tries the next only where a connection is refused, and not where a server is
starting or away without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from gateway.database.port import DatabaseUnavailable

_HOST: Final = r"(?:\[[0-9a-fA-F:.%]+\]|[^@/?#:,\[\]]*)(?::[0-9]+)?"
_URL: Final = re.compile(
    rf"(?P<scheme>postgres(?:ql)?://)(?P<user>[^@/?#]*@)?(?P<hosts>{_HOST}(?:,{_HOST})*)(?P<path>/[^@?#]*)?"
    r"(?P<query>\?[^#]*)?"
)
_CHOICE: Final = "target_session_attrs="


@dataclass(frozen=True, slots=True)
class Servers:
    """What a URL names."""

    urls: tuple[str, ...] = field(repr=False)
    """One for each server, in order. They hold the password."""
    shown: str
    """Hosts and database, for messages."""


def servers(url: str) -> Servers:
    """Read a URL. Where it names several servers, one that takes writes is wanted, unless it says
    `target_session_attrs` itself. Raises DatabaseUnavailable, without a word of what stands
    there: a password that is not percent-encoded could be anywhere in it."""
    found = _URL.fullmatch(url)
    if found is None:
        raise DatabaseUnavailable(
            "the store's URL can't be read: it should be"
            " postgresql://USER:PASSWORD@HOST:PORT/DATABASE, in which any of @ / ? # % in a"
            " user's name or password is percent-encoded"
        )
    hosts = found["hosts"].split(",")
    path, query = found["path"] or "", found["query"] or ""
    if len(hosts) > 1 and _CHOICE not in query:
        query += f"{'&' if query else '?'}{_CHOICE}read-write"
    start = found["scheme"] + (found["user"] or "")
    return Servers(
        tuple(f"{start}{host}{path}{query}" for host in hosts),
        (found["hosts"] + path) or "PostgreSQL",
    )
