"""A disk that is full, fails or is read-only while updates come in, and is well again."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.launching import PRAGMA
from tests.faults.storage import Bench, bench

pytestmark = pytest.mark.timeout(120)


async def trouble_and_back(
    made: Bench, cause: Callable[[], object], cure: Callable[[], object], word: str
) -> None:
    """Callers hear busy and nothing else; readiness, metric and one line say so and why; all
    goes on by itself; nothing that was answered is lost or out of order."""
    async with made.running():
        await made.flow()
        cause()
        reason = await made.not_ready()
        await made.refused()
        seen = await made.writable()
        cure()
        await made.ready()
        await made.flow()
        seen_after = await made.writable()
    assert word in reason
    assert (seen, seen_after) == (0.0, 1.0)
    assert made.load.unanswered == 0
    assert made.code == 0
    made.check_delivered()
    told = made.lines("storage.unavailable", "storage.available")
    assert [line["event"] for line in told] == ["storage.unavailable", "storage.available"]
    assert word in told[0]["reason"]
    assert len(made.lines("ledger.interrupted", "connector.interrupted", "call.failed")) <= 2


async def test_writes_that_fail(tmp_path: Path) -> None:
    """No file may grow any more: the system refuses the write (EFBIG; SIGXFSZ is ignored)."""

    def limit(most: int) -> None:
        resource.prlimit(made.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    async with bench(tmp_path) as made:
        await trouble_and_back(
            made, lambda: limit(65536), lambda: limit(resource.RLIM_INFINITY), "disk I/O error"
        )


async def test_a_database_that_may_not_grow(tmp_path: Path) -> None:
    """SQLite itself says that it is full."""
    async with bench(tmp_path) as made:
        pragma = tmp_path / PRAGMA
        await trouble_and_back(
            made,
            lambda: pragma.write_text("PRAGMA max_page_count=1"),
            lambda: pragma.write_text("PRAGMA max_page_count=1073741823"),
            "full",
        )


async def test_a_database_that_may_only_be_read(tmp_path: Path) -> None:
    """As on a file system that was mounted anew for reading after an error."""
    async with bench(tmp_path) as made:
        pragma = tmp_path / PRAGMA
        await trouble_and_back(
            made,
            lambda: pragma.write_text("PRAGMA query_only=1"),
            lambda: pragma.write_text("PRAGMA query_only=0"),
            "readonly",
        )


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_disk_that_is_filled(tmp_path: Path) -> None:
    """By somebody else's file, which then goes."""
    with small_disk(tmp_path / "disk", 32) as disk:
        large = disk / "large"

        def fill() -> None:
            with large.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    return

        async with bench(tmp_path, disk) as made:
            await trouble_and_back(made, fill, large.unlink, "full")
