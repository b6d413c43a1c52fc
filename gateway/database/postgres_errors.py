"""PostgreSQL's errors: which mean that a race was lost, which that the server is away, and their
words for people.

The codes are those of postgresql.org/docs/current/errcodes-appendix.html. What a server says
beside its message (the detail, the hint) and what asyncpg says of a parameter quote values, which
may be people's data: neither is repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final

import asyncpg


class Verdict(Enum):
    """What an error says about the work, none of which was done."""

    RACE = "race"
    """Another transaction came between: it goes through if it is done again."""
    CLASH = "clash"
    """What was to be made is there already: made by another since we looked, or our mistake."""
    LOST = "lost"
    """The connection is gone, or leads to a server that can't write."""
    AWAY = "away"
    """The server can't do it now."""
    REFUSED = "refused"
    """The statement is wrong, or breaks a rule of its table."""


class Trouble(Exception):
    """A statement failed."""

    def __init__(self, verdict: Verdict, words: str) -> None:
        """`words` quote no value."""
        super().__init__(words)
        self.verdict = verdict


class StatementRefused(Exception):
    """The database refuses a statement for good: it is wrong, or breaks a rule of its table."""


FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ValueError,
)
"""Whatever asyncpg and the network raise; a time-out is an OSError, a parameter that can't be
written a ValueError."""

# A code, or its first two characters, which are its class.
_VERDICTS: Final = {
    "40001": Verdict.RACE,  # serialization_failure
    "40P01": Verdict.RACE,  # deadlock_detected
    "23505": Verdict.CLASH,  # unique_violation
    "42P07": Verdict.CLASH,  # duplicate_table
    "42710": Verdict.CLASH,  # duplicate_object
    "08": Verdict.LOST,  # connection_exception
    "25006": Verdict.LOST,  # read_only_sql_transaction: a standby
    "25P03": Verdict.LOST,  # idle_in_transaction_session_timeout
    "57P": Verdict.LOST,  # shut down, crashed, not yet up
    "25P04": Verdict.AWAY,  # transaction_timeout
    "28": Verdict.AWAY,  # invalid_authorization_specification
    "3D": Verdict.AWAY,  # invalid_catalog_name: no such database
    "42501": Verdict.AWAY,  # insufficient_privilege
    "53": Verdict.AWAY,  # insufficient_resources: disk, memory, connections
    "55006": Verdict.AWAY,  # object_in_use
    "55P03": Verdict.AWAY,  # lock_not_available
    "57014": Verdict.AWAY,  # query_canceled: the statement's time-out
    "58": Verdict.AWAY,  # system_error
    "72": Verdict.AWAY,  # snapshot_too_old
    "F0": Verdict.AWAY,  # config_file_error
    "XX": Verdict.AWAY,  # internal_error, data_corrupted
}


@contextmanager
def troubles(connection: asyncpg.Connection) -> Iterator[None]:
    """Raises Trouble for whatever goes wrong with a statement on this connection."""
    try:
        yield
    except FAILURES as error:
        raise Trouble(verdict(error, closed=closed(connection)), words(error)) from None


def closed(connection: asyncpg.Connection) -> bool:
    """Whether a connection broke; the pool takes such a one back at once."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


def verdict(error: BaseException, *, closed: bool) -> Verdict:
    """What a failure says; `closed` is whether its connection is."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return Verdict.RACE
    code = _code(error)
    if code is None:
        lost = closed or (isinstance(error, OSError | asyncpg.InternalClientError))
        return Verdict.LOST if lost else Verdict.REFUSED
    told = (_VERDICTS[start] for start in (code, code[:3], code[:2]) if start in _VERDICTS)
    found = next(told, Verdict.REFUSED)
    return Verdict.LOST if closed and found is Verdict.AWAY else found


def undone(error: BaseException) -> bool:
    """Whether an answer to COMMIT says that nothing was committed: an error that leaves the
    connection open does, one that ends it may come after the commit."""
    return isinstance(error, asyncpg.PostgresError) and _severity(error) == "ERROR"


def words(error: BaseException) -> str:
    """What is said to people, with the code: that tells a full disk from a failing one."""
    code = _code(error)
    if code is not None:
        message = "a value can't be written" if code.startswith("22") else error.args[0]
        return f"{message} ({code})"
    if isinstance(error, asyncio.TimeoutError) and not str(error):
        return "no answer in time"
    if isinstance(error, OSError | asyncpg.InternalClientError):
        return str(error) or type(error).__name__
    if isinstance(error, asyncpg.ClientConfigurationError) or not isinstance(error, ValueError):
        return str(error.args[0])
    return "a value can't be written"


def _code(error: BaseException) -> str | None:
    code: str | None = getattr(error, "sqlstate", None)
    return code


def _severity(error: asyncpg.PostgresError) -> str | None:
    severity: str | None = error.severity_en or error.severity
    return severity
