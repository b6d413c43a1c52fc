"""The PostgreSQL adapter where the server, the network or we stand still or end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from itertools import count

import asyncpg
import pytest

from gateway.database.port import (
    CommitUnknown,
    DatabaseUnavailable,
    Operation,
    Query,
    Rows,
    Statement,
    Urgency,
)
from gateway.database.postgres import Limits, PostgresDatabase
from gateway.database.postgres_errors import StatementRefused
from tests.gateway.database.notes import note, notes, opened, statement
from tests.postgres_server import PostgresServer


async def test_a_server_that_only_reads_is_found_out(
    postgres_server: PostgresServer, url: str, postgres: PostgresDatabase
) -> None:
    """And left for one that writes, as after a switch to the standby."""
    name = url.rpartition("/")[2]
    async with postgres_server.administrator() as administrator:
        await administrator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await _cut(administrator, name)
        with pytest.raises(DatabaseUnavailable, match=r"in a read-only transaction \(25006\)"):
            await postgres.run(note(1))
        await administrator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await postgres.run(note(2))
    assert await notes(postgres) == [2]


async def test_all_connections_to_a_server_that_only_reads_are_left(
    postgres: PostgresDatabase,
) -> None:
    """After one of them has said so: those who come next are not told one by one."""

    def demoted() -> Operation[None]:
        yield Query("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        yield Query("SELECT pg_sleep(0.1)")

    await asyncio.gather(*(postgres.run(demoted, Urgency.FIRST) for _ in range(4)))
    await asyncio.gather(*(postgres.run(note(id), Urgency.FIRST) for id in range(2)))
    assert await notes(postgres) == [0, 1]


async def _cut(administrator: asyncpg.Connection, name: str) -> None:
    """End all connections to a database."""
    await administrator.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name
    )


async def test_a_connection_that_broke_meanwhile_is_no_trouble(
    postgres_server: PostgresServer, url: str, postgres: PostgresDatabase
) -> None:
    """Nothing was done on it: it is done on another."""
    await asyncio.gather(*(postgres.run(note(id), Urgency.FIRST) for id in range(8)))
    async with postgres_server.administrator() as administrator:
        await _cut(administrator, url.rpartition("/")[2])
    await asyncio.gather(*(postgres.run(note(id), Urgency.FIRST) for id in range(8, 16)))
    assert await notes(postgres) == list(range(16))


async def test_a_statement_that_takes_too_long_is_ended(url: str) -> None:
    """By the server."""
    async with opened(url, Limits(statement=0.1)) as database:
        with pytest.raises(DatabaseUnavailable, match=r"due to statement timeout \(57014\)"):
            await database.run(statement("SELECT pg_sleep(30)"))
        await database.run(note(1))
        assert await notes(database) == [1]


async def test_a_row_that_another_holds_is_not_waited_for_for_ever(
    postgres_server: PostgresServer, url: str
) -> None:
    """By the server, too."""
    async with (
        opened(url, Limits(lock=0.1)) as database,
        postgres_server.administrator(url.rpartition("/")[2]) as other,
    ):
        await database.run(note(1))
        async with other.transaction():
            await other.execute("UPDATE notes SET text = 'theirs'")
            with pytest.raises(DatabaseUnavailable, match=r"due to lock timeout \(55P03\)"):
                await database.run(statement("UPDATE notes SET text = 'ours'"))
        await database.run(statement("UPDATE notes SET text = 'ours'"))


IMPATIENT = {
    "not done within 0.3 s": Limits(later=0.3),
    "no answer in time": Limits(answer=0.3),
}


@pytest.mark.parametrize("reason", IMPATIENT)
async def test_a_server_that_says_nothing_is_given_up(url: str, reason: str) -> None:
    """By our own clock; what was asked of it is not done."""
    async with opened(url, IMPATIENT[reason]) as database:

        def operation() -> Operation[None]:
            yield from note(1)()
            yield Query("SELECT pg_sleep(2)")

        with pytest.raises(DatabaseUnavailable, match=reason):
            await database.run(operation)
        await database.run(note(2))
        assert await notes(database) == [2]


class Halting(PostgresDatabase):
    """A process that stands still in the midst of a transaction until its connection ends."""

    halting = False

    async def _execute(self, connection: asyncpg.Connection, statement: Statement) -> Rows:
        rows = await super()._execute(connection, statement)
        if self.halting:
            self.halting, ended = False, asyncio.Event()
            connection.add_termination_listener(lambda _: ended.set())
            await ended.wait()
        return rows


async def test_a_transaction_that_stands_still_holds_nothing_for_long(url: str) -> None:
    """The server ends it; the work is done on another connection, once."""
    database = Halting(url, limits=Limits(idle=0.1))
    await database.start()
    tries = count(1)
    seen: list[int] = []

    def operation() -> Operation[None]:
        seen.append(next(tries))
        yield from note(1)()
        yield Query("SELECT 1")

    database.halting = True
    await database.run(operation)
    assert (seen, await notes(database)) == ([1, 2], [1])
    await database.close()


SLOW_COMMIT = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION wait()"""
"""A commit that stands still before it is one."""


async def _committing(administrator: asyncpg.Connection, name: str) -> int:
    """The process that is at its commit."""
    async with asyncio.timeout(10):
        while True:
            pid: int | None = await administrator.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND query = 'COMMIT'"
                " AND state = 'active' AND wait_event IN ('PgSleep', 'SyncRep')",
                name,
            )
            if pid is not None:
                return pid


async def test_a_commit_that_was_cut_is_unknown(
    postgres_server: PostgresServer, url: str, postgres: PostgresDatabase
) -> None:
    """Though it was not done; that is for whoever gave it to find out, by giving it again."""
    name = url.rpartition("/")[2]
    async with (
        postgres_server.administrator() as administrator,
        postgres_server.administrator(name) as owner,
    ):
        await owner.execute(SLOW_COMMIT)
        written = asyncio.create_task(postgres.run(note(1)))
        pid = await _committing(administrator, name)
        await administrator.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(CommitUnknown, match="whether it was committed"):
            await written
        await owner.execute("DROP TRIGGER slow ON notes")
    assert await notes(postgres) == []
    await postgres.run(note(1))
    assert await notes(postgres) == [1]


@pytest.mark.parametrize("limits", IMPATIENT.values(), ids=IMPATIENT)
async def test_a_commit_that_nobody_answers_is_unknown(
    postgres_server: PostgresServer, url: str, limits: Limits
) -> None:
    """By our own clock."""
    name = url.rpartition("/")[2]
    async with (
        opened(url, limits) as database,
        postgres_server.administrator(name) as owner,
    ):
        await owner.execute(SLOW_COMMIT)
        with pytest.raises(CommitUnknown, match="no answer in time"):
            await database.run(note(1))
        await owner.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'COMMIT'"
        )
        await owner.execute("DROP TRIGGER slow ON notes")
        assert await notes(database) == []


async def test_a_commit_that_was_done_and_cut_is_unknown(
    postgres_server: PostgresServer, url: str, postgres: PostgresDatabase
) -> None:
    """One that waits for a standby is there already."""
    name = url.rpartition("/")[2]
    async with (
        postgres_server.administrator() as administrator,
        postgres_server.administrator(name) as owner,
    ):
        await administrator.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        await administrator.execute("SELECT pg_reload_conf()")
        try:
            await _commits_wait(administrator, owner)
            written = asyncio.create_task(postgres.run(note(1)))
            pid = await _committing(administrator, name)
            await administrator.execute("SELECT pg_terminate_backend($1)", pid)
            with pytest.raises(CommitUnknown):
                await written
        finally:
            await administrator.execute("ALTER SYSTEM RESET synchronous_standby_names")
            await administrator.execute("SELECT pg_reload_conf()")
        assert await owner.fetchval("SELECT COUNT(*) FROM notes") == 1
    with pytest.raises(StatementRefused, match="duplicate key"):
        await postgres.run(note(1))


async def _commits_wait(administrator: asyncpg.Connection, owner: asyncpg.Connection) -> None:
    """Until commits wait for a standby: another process of the server tells its backends of the
    new setting, some moments after it was read."""
    waits = "SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = $1"
    pid = owner.get_server_pid()
    async with asyncio.timeout(10):
        while True:
            trial = asyncio.create_task(owner.execute("COMMENT ON TABLE notes IS 'a trial'"))
            while not trial.done():
                if await administrator.fetchval(waits, pid):
                    await administrator.execute("SELECT pg_cancel_backend($1)", pid)
                    await trial
                    return
            await trial


async def test_a_commit_that_is_refused_is_not_unknown(
    postgres_server: PostgresServer, url: str, postgres: PostgresDatabase
) -> None:
    """A rule that is looked at last."""
    async with postgres_server.administrator(url.rpartition("/")[2]) as owner:
        await owner.execute(
            "CREATE TABLE pairs (id BIGINT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)"
        )
    with pytest.raises(StatementRefused, match=r"foreign key.*\(23503\)"):
        await postgres.run(statement("INSERT INTO pairs (id) VALUES (7)"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["shut down", "crashed"])
async def test_a_server_that_comes_back_is_used_again(
    postgres_server: PostgresServer, postgres: PostgresDatabase, how: signal.Signals
) -> None:
    """Nothing is half done: what was acknowledged is there, what failed is not, and what is
    unknown is one of both."""
    done: set[int] = set()
    unknown: set[int] = set()
    failed: set[int] = set()
    ids, working, news = count(), True, asyncio.Event()

    async def work() -> None:
        while working:
            id = next(ids)
            try:
                await postgres.run(pair(id), Urgency.FIRST)
                done.add(id)
            except CommitUnknown:
                unknown.add(id)
            except DatabaseUnavailable:
                failed.add(id)
            news.set()

    async def until(reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():
                news.clear()
                await news.wait()

    workers = [asyncio.create_task(work()) for _ in range(4)]
    try:
        await until(lambda: len(done) > 20)
        postgres_server.stop(how)
        await until(lambda: bool(failed))
        postgres_server.start()
        before = len(done)
        await until(lambda: len(done) > before + 20)
    finally:
        working = False
        await asyncio.gather(*workers)
    found = await notes(postgres)
    there = {id for id in found if id < OTHER_HALF}
    assert found == [*sorted(there), *sorted(id + OTHER_HALF for id in there)]
    assert done <= there <= done | unknown


OTHER_HALF = 1_000_000


def pair(id: int) -> Callable[[], Operation[None]]:
    """Two notes that belong together."""

    def operation() -> Operation[None]:
        yield from note(id)()
        yield from note(id + OTHER_HALF)()

    return operation
