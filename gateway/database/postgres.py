"""A PostgreSQL database, over asyncpg.

On SQLite one operation runs after another. Here they run at once, in this process and in others,
each in a SERIALIZABLE transaction: PostgreSQL lets them commit only if they could have run one
after another, and what it refuses for that is done again from its start. So an operation means
the same on both, with no lock of its own. What a transaction has read is remembered row by row
only where an index leads to it; a scan of a table would make it clash with every other writer.

A connection that breaks is replaced by the next operation that needs one. Before the commit
nothing was done, and the work is done again once; during it, only who gave the work can tell.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any, Final, NamedTuple

import asyncpg

from gateway.clock import Clock, SystemClock
from gateway.database import postgres_sql as sql
from gateway.database.port import (
    CommitUnknown,
    DatabaseUnavailable,
    DeleteMany,
    InsertMany,
    Operation,
    Query,
    Rows,
    Statement,
    T,
    Urgency,
)
from gateway.database.postgres_errors import (
    FAILURES,
    StatementRefused,
    Trouble,
    Verdict,
    closed,
    troubles,
    undone,
    verdict,
    words,
)
from gateway.database.postgres_servers import servers


class Limits(NamedTuple):
    """How long things may take, in seconds."""

    first: float = 10.0
    """An operation that somebody waits for, with its repeats and the wait for a connection."""
    later: float = 60.0
    """Any other: thousands of links are one operation."""
    connect: float = 4.0
    """A connection to one server, from the name's look-up to the password."""
    answer: float = 8.0
    """Any answer of the server. It ends a statement sooner, so it is gone if there is none."""
    statement: float = 6.0
    """One statement. This and the next two are kept by the server, also where we are gone."""
    lock: float = 3.0
    """The wait for a row that another transaction has changed."""
    idle: float = 10.0
    """A transaction whose process says nothing: shorter than a lease, whose row it may hold."""


LIMITS: Final = Limits()
CONNECTIONS: Final = 8
"""Most connections of a process. What is LATER may have half of them."""
ROWS: Final = 4096
"""Rows of one insert: a message of a few megabytes at most."""
CLASHES: Final = 5
"""Times that something was there already before it counts as our own mistake."""
FIRST_WAIT, LONGEST_WAIT = 0.005, 0.1
"""Seconds before work is done again after a lost race; by chance less, so that two who met don't
meet again."""
UNDO: Final = 1.0
"""Seconds for a rollback or a farewell; then the connection is cut."""

_BEGIN: Final = "BEGIN ISOLATION LEVEL SERIALIZABLE"
_ARRAYS: Final = "SELECT $1::bigint[], $2::integer[], $3::double precision[]"
_FLUSH: Final = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)


class PostgresDatabase:
    """The Database port over a pool of connections."""

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        *,
        connections: int = CONNECTIONS,
        limits: Limits = LIMITS,
    ) -> None:
        """`start` connects; `url` is as in `postgres_servers`. Raises DatabaseUnavailable for one
        that can't be read."""
        self._servers = servers(url)
        self._clock: Clock = SystemClock() if clock is None else clock
        self._limits = limits
        self._connections = connections
        self._later = asyncio.Semaphore(max(1, connections // 2))
        self._inserts: dict[tuple[str, int, str], str] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._pool: asyncpg.Pool | None = None
        self._closing = False

    def __repr__(self) -> str:
        return f"PostgresDatabase({self._servers.shown})"

    async def start(self) -> None:
        """Connect. A server that goes away later is found again by itself, and so is one that
        was away now. Raises DatabaseUnavailable."""
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                min_size=0,
                max_size=self._connections,
                connect=self._connect,
                init=self._introduce,
                reset=_nothing,
            )
        await self.run(_greeting)

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        """See the port. What was begun is brought to its end though nobody waits for it any
        more. Raises StatementRefused for a statement that is wrong."""
        if self._closing:
            raise DatabaseUnavailable("closed")
        work = asyncio.create_task(self._within(operation, urgency))
        self._running.add(work)
        work.add_done_callback(self._ended)
        return await asyncio.shield(work)

    async def close(self) -> None:
        """See the port."""
        self._closing = True
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._pool is not None:
            with suppress(*FAILURES):
                await asyncio.wait_for(self._pool.close(), UNDO)

    def _ended(self, work: asyncio.Task[Any]) -> None:
        self._running.discard(work)
        if not work.cancelled():
            work.exception()  # whoever waits hears it; with nobody there it is no warning

    async def _within(self, operation: Callable[[], Operation[T]], urgency: Urgency) -> T:
        later = urgency is Urgency.LATER
        turn: AbstractAsyncContextManager[None] = self._later if later else nullcontext()
        seconds = self._limits.later if later else self._limits.first
        try:
            async with asyncio.timeout(seconds), turn:
                return await self._repeated(operation)
        except TimeoutError:
            reason = f"not done within {seconds:g} s"
            raise DatabaseUnavailable(f"{self._servers.shown}: {reason}") from None

    async def _repeated(self, operation: Callable[[], Operation[T]]) -> T:
        """Try until it is done, or there is no point any more."""
        wait, met = FIRST_WAIT, dict.fromkeys(Verdict, 0)
        while True:
            try:
                return await self._once(operation)
            except Trouble as trouble:
                met[trouble.verdict] += 1
                if not _again(trouble.verdict, met[trouble.verdict]):
                    raise self._error(trouble) from None
            await self._clock.sleep(wait * random.random())  # noqa: S311 - a wait, no secret
            wait = min(2 * wait, LONGEST_WAIT)

    def _error(self, trouble: Trouble) -> Exception:
        if trouble.verdict in {Verdict.AWAY, Verdict.LOST}:
            return DatabaseUnavailable(f"{self._servers.shown}: {trouble}")
        return StatementRefused(str(trouble))

    async def _once(self, operation: Callable[[], Operation[T]]) -> T:
        """One try on one connection. Raises Trouble, CommitUnknown, or what the operation
        raises."""
        pool = self._pool
        if pool is None:
            raise DatabaseUnavailable("not started")
        connection = await self._connection(pool)
        try:
            result = await self._transact(connection, operation())
        except BaseException as error:
            await self._undo(pool, connection, error)
            raise
        finally:
            with suppress(*FAILURES):
                await pool.release(connection)
        return result

    async def _connection(self, pool: asyncpg.Pool) -> asyncpg.Connection:
        try:
            return await pool.acquire()
        except FAILURES as error:
            raise Trouble(Verdict.AWAY, words(error)) from None

    async def _transact(self, connection: asyncpg.Connection, operation: Operation[T]) -> T:
        rows: Rows = []
        await self._begin(connection)
        try:
            statement = next(operation)
            while True:
                rows = await self._execute(connection, statement)
                statement = operation.send(rows)
        except StopIteration as end:
            result: T = end.value
        await self._commit(connection)
        return result

    async def _begin(self, connection: asyncpg.Connection) -> None:
        with troubles(connection):
            await connection.execute(_BEGIN)

    async def _execute(self, connection: asyncpg.Connection, statement: Statement) -> Rows:
        with troubles(connection):
            if isinstance(statement, InsertMany):
                await self._insert(connection, statement)
                return []
            if isinstance(statement, DeleteMany):
                rows = [list(sql.parameters(row)) for row in statement.rows]
                await connection.executemany(
                    sql.one_delete(statement.table, statement.columns), rows
                )
                return []
            values = sql.parameters(statement.parameters)
            found = await connection.fetch(sql.translated(statement.sql), *values)
        return [sql.row(record) for record in found]

    async def _insert(self, connection: asyncpg.Connection, statement: InsertMany) -> None:
        rows = statement.rows
        if not rows:
            return
        place = statement.head, len(rows[0]), statement.tail
        told = self._inserts.get(place)
        if told is None:
            asked = await connection.prepare(sql.one_row(statement.head, len(rows[0])))
            types = [type.name for type in asked.get_parameters()]
            told = self._inserts[place] = sql.many_rows(statement.head, types, statement.tail)
        for start in range(0, len(rows), ROWS):
            await connection.execute(told, *sql.columns(rows[start : start + ROWS]))

    async def _commit(self, connection: asyncpg.Connection) -> None:
        if closed(connection):
            raise Trouble(Verdict.LOST, "the connection was closed")
        try:
            await connection.execute("COMMIT")
        except FAILURES as error:
            if undone(error):
                raise Trouble(verdict(error, closed=False), words(error)) from None
            raise self._unknown(words(error)) from None
        except asyncio.CancelledError:
            raise self._unknown("no answer in time") from None

    def _unknown(self, reason: str) -> CommitUnknown:
        return CommitUnknown(f"{self._servers.shown}: whether it was committed: {reason}")

    async def _undo(
        self, pool: asyncpg.Pool, connection: asyncpg.Connection, error: BaseException
    ) -> None:
        """Make a connection fit for the next, or cut it: the server then rolls back."""
        lost = isinstance(error, Trouble) and error.verdict is Verdict.LOST
        if lost:
            # The others lead to the same server, and may not have heard yet.
            await pool.expire_connections()
        with suppress(*FAILURES):
            if not lost and isinstance(error, Exception) and not isinstance(error, CommitUnknown):
                await connection.execute("ROLLBACK", timeout=UNDO)
                return
        with suppress(*FAILURES):
            connection.terminate()

    async def _connect(self, *_: Any, **options: Any) -> asyncpg.Connection:
        """A connection to the first server that takes us."""
        settings = {
            "application_name": "leadwire",
            "enable_seqscan": "off",
            "idle_in_transaction_session_timeout": _milliseconds(self._limits.idle),
            # Switched-off scans look expensive, and what looks expensive would be compiled.
            "jit": "off",
            "lock_timeout": _milliseconds(self._limits.lock),
            "statement_timeout": _milliseconds(self._limits.statement),
        }
        failures: list[str] = []
        for url in self._servers.urls:
            try:
                return await asyncpg.connect(
                    url,
                    timeout=self._limits.connect,
                    command_timeout=self._limits.answer,
                    server_settings=settings,
                    **options,
                )
            except FAILURES as error:
                failures.append(words(error))
        raise OSError("; ".join(dict.fromkeys(failures)))

    async def _introduce(self, connection: asyncpg.Connection) -> None:
        """What a new connection needs: an encoding that has every character, a commit that is
        flushed whatever the server's default, and the types of arrays."""
        encoding = connection.get_settings().server_encoding
        if encoding != "UTF8":
            raise OSError(f"the database's encoding is {encoding}; leadwire needs UTF8")
        await connection.execute(_FLUSH)
        await connection.prepare(_ARRAYS)


def _again(trouble: Verdict, times: int) -> bool:
    """Whether to try again after trouble that was met so many times."""
    match trouble:
        case Verdict.RACE:
            return True
        case Verdict.CLASH:
            return times < CLASHES
        case Verdict.LOST:
            return times == 1
        case _:
            return False


def _greeting() -> Operation[None]:
    yield Query("SELECT 1")


async def _nothing(_: asyncpg.Connection) -> None:
    """A connection needs no reset: operations change nothing of its session."""


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
