"""The PostgreSQL adapter, on a real server: how it connects, and what it tells the server."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from gateway.database.port import DatabaseUnavailable, InsertMany, Operation, Query, Rows
from gateway.database.postgres import CLASHES, PostgresDatabase
from gateway.database.postgres_errors import StatementRefused
from tests.gateway.database.notes import note, notes, opened, statement
from tests.postgres_server import GUARDED, PASSWORD, PostgresServer


async def refusal(url: str) -> tuple[str, str]:
    """Why a database can't be opened; and all that would stand in a traceback."""
    with pytest.raises(DatabaseUnavailable) as caught:
        async with opened(url):
            pass
    return str(caught.value), "".join(traceback.format_exception(caught.value))


def guarded(url: str, password: str) -> str:
    """The same database for the user with the password."""
    return url.replace("postgres@", f"{GUARDED}:{quote(password, safe='')}@")


@pytest.fixture
async def user(postgres_server: PostgresServer) -> AsyncIterator[None]:
    """The user with the password."""
    async with postgres_server.administrator() as administrator:
        await administrator.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")
        yield
        await administrator.execute(f"DROP ROLE {GUARDED}")


@pytest.mark.usefixtures("user")
async def test_a_password_lets_in_and_is_never_said(url: str) -> None:
    """Right or wrong, and whatever characters it has."""
    async with opened(guarded(url, PASSWORD)) as database:
        assert await database.run(statement("SELECT current_user")) == [(GUARDED,)]
        assert PASSWORD not in repr(database)
    reason, told = await refusal(guarded(url, "tell-nobody"))
    place = url.partition("@")[2]
    assert reason == f'{place}: password authentication failed for user "{GUARDED}" (28P01)'
    assert "tell-nobody" not in told


@pytest.mark.usefixtures("user")
async def test_a_server_without_room_is_said(postgres_server: PostgresServer, url: str) -> None:
    """And has room again later."""
    async with postgres_server.administrator() as administrator:
        await administrator.execute(f"ALTER ROLE {GUARDED} CONNECTION LIMIT 0")
        reason, _ = await refusal(guarded(url, PASSWORD))
        assert reason.endswith(f'too many connections for role "{GUARDED}" (53300)')
        await administrator.execute(f"ALTER ROLE {GUARDED} CONNECTION LIMIT -1")
    async with opened(guarded(url, PASSWORD)):
        pass


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_a_server_that_is_not_there_is_said() -> None:
    """By its address."""
    port = closed_port()
    reason, told = await refusal(f"postgresql://us:tell-nobody@127.0.0.1:{port}/leads")
    assert reason.startswith(f"127.0.0.1:{port}/leads: ")
    assert "Connect call failed" in reason
    assert "tell-nobody" not in told


async def test_a_database_that_is_not_there_is_said(postgres_server: PostgresServer) -> None:
    """By its name."""
    reason, _ = await refusal(postgres_server.url("nothing"))
    assert reason.endswith('/nothing: database "nothing" does not exist (3D000)')


async def test_a_setting_that_is_none_is_said(url: str) -> None:
    """Of asyncpg's words as of the server's own."""
    reason, _ = await refusal(f"{url}?sslmode=perhaps")
    assert "`sslmode` parameter must be one of" in reason
    reason, _ = await refusal(f"{url}?no_such_setting=1")
    assert reason.endswith('unrecognized configuration parameter "no_such_setting" (42704)')


async def test_an_encoding_without_every_character_is_refused(
    postgres_server: PostgresServer,
) -> None:
    """Before anything is written that it can't hold."""
    async with postgres_server.administrator() as administrator:
        await administrator.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        )
        reason, _ = await refusal(postgres_server.url("latin"))
        await administrator.execute("DROP DATABASE latin WITH (FORCE)")
    assert reason.endswith("the database's encoding is LATIN1; leadwire needs UTF8")


async def test_the_next_server_is_tried(postgres_server: PostgresServer, url: str) -> None:
    """Where the first is away, or doesn't take writes."""
    place = f"127.0.0.1:{postgres_server.port}"
    two = url.replace(place, f"127.0.0.1:{closed_port()},{place}")
    async with opened(two) as database:
        await database.run(note(1))
        assert await notes(database) == [1]
    async with postgres_server.administrator() as administrator:
        name = url.rpartition("/")[2]
        await administrator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    reason, _ = await refusal(two)
    assert "None of the hosts match the target attribute requirement" in reason


async def test_a_commit_is_flushed_whatever_the_servers_default(
    postgres_server: PostgresServer, url: str
) -> None:
    """What asks for more than that stays."""
    name = url.rpartition("/")[2]
    found = {}
    async with postgres_server.administrator() as administrator:
        for value in ("off", "on", "remote_apply"):
            await administrator.execute(f"ALTER DATABASE {name} SET synchronous_commit = {value}")
            async with opened(url) as database:
                found[value] = await database.run(statement("SHOW synchronous_commit"))
    assert found == {"off": [("on",)], "on": [("on",)], "remote_apply": [("remote_apply",)]}


async def test_every_transaction_is_serializable(postgres: PostgresDatabase) -> None:
    """And bounded by the server too."""
    settings = [
        "transaction_isolation",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "enable_seqscan",
    ]
    asked = ", ".join(["current_setting(?)"] * len(settings))
    found = await postgres.run(statement(f"SELECT {asked}", *settings))
    assert found == [("serializable", "6s", "3s", "10s", "off")]


async def test_text_compares_by_code_points_whatever_the_databases_locale(
    postgres: PostgresDatabase,
) -> None:
    """Also in a column that was added."""
    await postgres.run(statement("ALTER TABLE notes ADD COLUMN more TEXT"))
    columns = await postgres.run(
        statement(
            "SELECT column_name, collation_name FROM information_schema.columns"
            " WHERE table_name = 'notes' ORDER BY ordinal_position"
        )
    )
    assert columns == [("id", None), ("text", "C"), ("more", "C")]


async def test_rows_are_inserted_by_one_statement_whatever_their_number(
    postgres: PostgresDatabase,
) -> None:
    """It is planned once."""

    def operation() -> Operation[Rows]:
        for start, rows in ((0, 1), (10, 7), (100, 5000), (10_000, 64)):
            numbers = range(start, start + rows)
            yield InsertMany("INSERT INTO notes (id, text)", [(n, "x") for n in numbers])
        return (
            yield Query(
                "SELECT statement FROM pg_prepared_statements"
                " WHERE statement LIKE 'INSERT INTO notes%SELECT%'"
            )
        )

    assert await postgres.run(operation) == [
        ("INSERT INTO notes (id, text) SELECT * FROM unnest($1::int8[], $2::text[]) ",)
    ]
    assert await postgres.run(statement("SELECT COUNT(*) FROM notes")) == [(5072,)]


async def test_what_is_refused_is_said_without_any_value(postgres: PostgresDatabase) -> None:
    """It may be somebody's number or address."""
    await postgres.run(statement("CREATE TABLE people (phone TEXT PRIMARY KEY, age INTEGER)"))
    secret = "0412345678"
    insert = "INSERT INTO people (phone, age) VALUES (?, ?)"
    await postgres.run(statement(insert, secret, 1))
    told = {}
    for name, values in {
        "twice": (secret, 1),
        "wrong type": (412345678, 1),
        "too large": ("x", 412345678_000),
        "no character": ("\ud8000412345678", 1),
    }.items():
        with pytest.raises(StatementRefused) as caught:
            await postgres.run(statement(insert, *values))
        assert "412345678" not in "".join(traceback.format_exception(caught.value))
        told[name] = str(caught.value)
    assert told == {
        "twice": 'duplicate key value violates unique constraint "people_pkey" (23505)',
        "wrong type": "a value can't be written (22000)",
        "too large": "a value can't be written (22000)",
        "no character": "a value can't be written (22000)",
    }


async def test_what_is_there_already_is_our_mistake_in_the_end(
    postgres: PostgresDatabase,
) -> None:
    """Another process may have made it since we looked; so it is tried again, a few times."""
    tries = 0

    def operation() -> Operation[None]:
        nonlocal tries
        tries += 1
        yield from note(1)()
        yield from note(1)()

    with pytest.raises(StatementRefused, match="duplicate key"):
        await postgres.run(operation)
    assert (tries, await notes(postgres)) == (CLASHES, [])


async def test_what_runs_is_finished_before_it_is_closed(url: str) -> None:
    """Also where nobody waits for it; and closing twice is closing."""
    database = PostgresDatabase(url)
    await database.start()
    left = asyncio.create_task(database.run(note(1)))
    await asyncio.sleep(0)
    left.cancel()
    await database.close()
    await database.close()
    async with opened(url) as again:
        assert await notes(again) == [1]


async def test_one_that_was_away_at_the_start_is_found_later(
    postgres_server: PostgresServer, url: str
) -> None:
    """The same database can be started again, and works without."""
    database = PostgresDatabase(url)
    with pytest.raises(DatabaseUnavailable, match="not started"):
        await database.run(note(0))
    postgres_server.stop()
    try:
        with pytest.raises(DatabaseUnavailable):
            await database.start()
    finally:
        postgres_server.start()
    await database.run(note(1))
    await database.start()
    assert await notes(database) == [1]
    await database.close()
