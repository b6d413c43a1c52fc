"""What the PostgreSQL adapter makes of URLs, statements and errors, without a server."""

from __future__ import annotations

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.database import postgres_sql as sql
from gateway.database.port import DatabaseUnavailable
from gateway.database.postgres_errors import Verdict, undone, verdict, words
from gateway.database.postgres_servers import servers

WRITES = "target_session_attrs=read-write"

URLS = {
    "postgresql://h/leads": (("postgresql://h/leads",), "h/leads"),
    "postgres://us:s%40f%2Fe@h:5433/leads?sslmode=require": (
        ("postgres://us:s%40f%2Fe@h:5433/leads?sslmode=require",),
        "h:5433/leads",
    ),
    "postgresql://us:safe@h1:5432,h2/leads": (
        (
            f"postgresql://us:safe@h1:5432/leads?{WRITES}",
            f"postgresql://us:safe@h2/leads?{WRITES}",
        ),
        "h1:5432,h2/leads",
    ),
    "postgresql://[::1]:5432,h2?sslmode=verify-full&target_session_attrs=any": (
        (
            "postgresql://[::1]:5432?sslmode=verify-full&target_session_attrs=any",
            "postgresql://h2?sslmode=verify-full&target_session_attrs=any",
        ),
        "[::1]:5432,h2",
    ),
    "postgresql:///leads?host=/run/postgresql&password=safe": (
        ("postgresql:///leads?host=/run/postgresql&password=safe",),
        "/leads",
    ),
    "postgresql://": (("postgresql://",), "PostgreSQL"),
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_names_servers(url: str) -> None:
    """Each as asyncpg takes it, and together without a password."""
    found = servers(url)
    assert (found.urls, found.shown) == URLS[url]
    assert "safe" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://us:se@cret@h/leads",
        "postgresql://us:se/cret@h/leads",
        "postgresql://us:se?cret@h/leads",
        "postgresql://us:se#cret@h/leads",
        "postgresql://us:secret/leads",
        "mysql://us:secret@h/leads",
        "us:secret@h",
        "",
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    """What isn't percent-encoded may be a part of the password."""
    with pytest.raises(DatabaseUnavailable) as caught:
        servers(url)
    assert str(caught.value) == (
        "the store's URL can't be read: it should be postgresql://USER:PASSWORD@HOST:PORT/DATABASE,"
        " in which any of @ / ? # % in a user's name or password is percent-encoded"
    )


STATEMENTS = {
    "SELECT a FROM t WHERE b = ? AND c IN (?, ?)": "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)",
    "SELECT '?', 'it''s ?' WHERE a = ?": "SELECT '?', 'it''s ?' WHERE a = $1",
    "CREATE TABLE IF NOT EXISTS t (a TEXT PRIMARY KEY, text TEXT NOT NULL, n BIGINT)": (
        'CREATE TABLE IF NOT EXISTS t (a TEXT COLLATE "C" PRIMARY KEY,'
        ' text TEXT COLLATE "C" NOT NULL, n BIGINT)'
    ),
    "ALTER TABLE t ADD COLUMN b TEXT": 'ALTER TABLE t ADD COLUMN b TEXT COLLATE "C"',
    "SELECT CAST(? AS TEXT)": "SELECT CAST($1 AS TEXT)",
    "CREATE INDEX i ON t (a)": "CREATE INDEX i ON t (a)",
}


@pytest.mark.parametrize("portable", STATEMENTS)
def test_a_portable_statement_is_told_to_the_server(portable: str) -> None:
    """Numbered, and with text that compares by code points."""
    assert sql.translated(portable) == STATEMENTS[portable]


@given(st.lists(st.one_of(st.text(alphabet="\0\ufdd001a"), st.integers(), st.none())))
def test_what_is_written_is_read(values: list[str | int | None]) -> None:
    """And never holds what the server refuses; two values are never one."""
    written = list(sql.parameters(values))
    assert [value for value in written if isinstance(value, str) and "\0" in value] == []
    assert sql.row(written) == tuple(values)


def error(code: str) -> asyncpg.PostgresError:
    """What the server says with a code."""
    fields = {"C": code, "M": "so", "S": "ERROR", "V": "ERROR", "D": "Key (id)=(04123456)."}
    found: asyncpg.PostgresError = asyncpg.PostgresError.new(fields)
    return found


VERDICTS = {
    Verdict.RACE: ["40001", "40P01"],
    Verdict.CLASH: ["23505", "42P07"],
    Verdict.LOST: ["08006", "25006", "25P03", "57P01", "57P02", "57P03", "57P05"],
    Verdict.AWAY: [
        "28000",
        "28P01",
        "3D000",
        "42501",
        "53100",
        "53200",
        "53300",
        "53400",
        "55P03",
        "57014",
        "58030",
        "XX000",
        "XX001",
    ],
    Verdict.REFUSED: ["22021", "22P02", "23503", "42601", "42P01", "54000", "54001"],
}


def test_every_code_has_a_verdict() -> None:
    """A lost race is run again, a server that can't is unavailable, a wrong statement is told."""
    found = {
        code: verdict(error(code), closed=False) for codes in VERDICTS.values() for code in codes
    }
    assert found == {code: told for told, codes in VERDICTS.items() for code in codes}


def test_what_ends_the_connection_is_about_the_connection() -> None:
    """A server without memory may close it, and a statement that is wrong stays wrong."""
    codes = ("53200", "42601")
    assert [verdict(error(code), closed=True) for code in codes] == [Verdict.LOST, Verdict.REFUSED]
    without = [
        (OSError("gone"), False),
        (TimeoutError(), False),
        (asyncpg.InternalClientError("what"), False),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InterfaceError("expects 2 arguments"), False),
    ]
    assert [verdict(failed, closed=closed) for failed, closed in without] == [
        *[Verdict.LOST] * 4,
        Verdict.REFUSED,
    ]


def test_a_commit_is_undone_only_by_an_error_that_says_so() -> None:
    """One that ends the connection may come after the commit."""
    fatal = asyncpg.PostgresError.new({"C": "57P01", "M": "so", "S": "FATAL", "V": "FATAL"})
    lost = asyncpg.ConnectionDoesNotExistError("gone")
    assert [undone(each) for each in (error("40001"), fatal, lost, OSError())] == [
        True,
        False,
        False,
        False,
    ]


def test_words_hold_no_value() -> None:
    """Neither the server's detail nor what couldn't be written."""
    said = [
        error("23505"),
        error("22P02"),
        ValueError("invalid input: '04123456'"),
        TimeoutError(),
        ConnectionResetError("[Errno 104] Connection reset by peer"),
    ]
    assert [words(each) for each in said] == [
        "so (23505)",
        "a value can't be written (22P02)",
        "a value can't be written",
        "no answer in time",
        "[Errno 104] Connection reset by peer",
    ]
