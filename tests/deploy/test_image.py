"""The image's recipe has nothing that its linter minds, and its parts are there."""

from __future__ import annotations

import re
import subprocess
import sys
from asyncio.subprocess import DEVNULL, create_subprocess_exec
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from gateway.cli import COMMANDS
from gateway.settings import Settings
from tests.deploy.tools import DEPLOY, ROOT, needs, said
from tests.journeys.running import document, server
from tests.ports import free_port

FILE = DEPLOY / "Dockerfile"


def instructions() -> Iterator[tuple[str, str]]:
    """Each with what it is told, continued lines as one."""
    text = FILE.read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line and line[0] != "#":
            word, _, rest = line.strip().partition(" ")
            yield word, rest


def told(word: str) -> list[str]:
    """What every such instruction is told."""
    return [rest for name, rest in instructions() if name == word]


@needs("hadolint")
def test_its_linter_has_nothing_against_it() -> None:
    """By all of its rules."""
    assert said("hadolint", str(FILE)) == (0, "")


def test_what_is_copied_is_there_and_let_in() -> None:
    """Docker is sent nothing else."""
    plain = [rest for rest in told("COPY") if "--from" not in rest]
    sources = [re.sub(r"--\S+ ", "", rest).split()[0] for rest in plain]
    let_in = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert sources == [line[1:] for line in let_in if line[0] == "!"]
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_it_starts_a_command_that_there_is_as_nobody_special() -> None:
    """By the launcher that it copies, with the ports that are the settings' defaults."""
    settings = Settings()
    [entry], [command], [user] = told("ENTRYPOINT"), told("CMD"), told("USER")
    assert (orjson.loads(entry), user) == (["leadwire"], "10001:10001")
    assert orjson.loads(command)[0] in COMMANDS
    assert told("EXPOSE") == [f"{settings.server.port} {settings.admin.port}"]


def test_the_launcher_is_the_command() -> None:
    """Its text, by this Python."""
    done = subprocess.run(
        [sys.executable, str(DEPLOY / "leadwire"), "--help"],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "Usage: leadwire" in done.stdout


@pytest.mark.parametrize("up", [True, False])
async def test_the_health_check_tells_a_server_from_none(tmp_path: Path, up: bool) -> None:
    """The very words of the recipe, with the port of a server that runs, and of none."""
    [check] = told("HEALTHCHECK")
    _, *arguments = orjson.loads(check[check.index("[") :])
    if not up:
        assert await _ended(arguments, free_port()) == 1
        return
    async with server(tmp_path, document(tmp_path, "http://127.0.0.1:1")) as running:
        assert await _ended(arguments, running.admin_port) == 0


async def _ended(arguments: list[str], port: int) -> int:
    """The exit code of the check, by this Python."""
    words = [word.replace(":8081", f":{port}") for word in arguments]
    process = await create_subprocess_exec(sys.executable, *words, stderr=DEVNULL)
    return await process.wait()
