"""The command that serves fake backends, as its own process."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import HttpRequest, HttpResponse

TOYS = """
from types import SimpleNamespace
from gateway.dialect import Answer

class Toy:
    name = "toy"
    def __init__(self, faithful): self.faithful = faithful
    def handle(self, call): return Answer(200, b"faithful" if self.faithful else b"lenient")
    def leads(self): return []
    def seed(self, lead): pass
    def lead_of(self, call): return None

def backend(faithful): return Toy(faithful)

def at(setting):
    return lambda url: {setting: url}

VENDORS = (
    SimpleNamespace(name="one", sandbox="toys", sandboxed=at("base_url")),
    SimpleNamespace(name="two", sandbox="toys", sandboxed=at("url")),
    SimpleNamespace(name="deaf", sandbox=""),
)
"""
PROGRAM = """
import sys
import typer
import toys
sys.modules["connectors.registry"] = toys
from gateway.commands.sandbox import register
app = typer.Typer()
app.callback()(lambda: None)
register(app)
app()
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The command with toy vendors in the registry's place."""
    (tmp_path / "toys.py").write_text(TOYS)
    program = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n{PROGRAM}"
    return [sys.executable, "-c", program, "sandbox"]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_prints_where_it_serves_and_ends_on_a_signal(
    command: list[str], number: signal.Signals
) -> None:
    """The connector's setting and the steering URLs of each vendor; exit 0."""
    process = await asyncio.create_subprocess_exec(
        *command, "--port", "0", "--faithful", stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        lines = [(await process.stdout.readline()).decode().rstrip() for _ in range(8)]
        url = re.sub(r"^one: base_url (.*)/one$", r"\1", lines[0])
        client = AiohttpClient(1)
        reply = await client.send(HttpRequest("GET", url + "/two/x"))
        await client.close()
        process.send_signal(number)
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert isinstance(reply, HttpResponse)
    assert (reply.body, code) == (b"faithful", 0)
    assert lines == [
        f"one: base_url {url}/one",
        f"  {url}/__sandbox__/one/leads",
        f"  {url}/__sandbox__/one/calls",
        f"  {url}/__sandbox__/one/faults",
        f"two: url {url}/two",
        f"  {url}/__sandbox__/two/leads",
        f"  {url}/__sandbox__/two/calls",
        f"  {url}/__sandbox__/two/faults",
    ]


async def test_it_knows_the_leads_of_the_sample_calls_where_it_is_told_to() -> None:
    """Each backend those that its vendor would know."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "sandbox", "noojee", "leadsquared", "--samples"),
        *("--port", "0"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        host = first.removeprefix("noojee: base_url ").removesuffix("/noojee\n")
        client = AiohttpClient(1)
        known = {
            vendor: await client.send(HttpRequest("GET", f"{host}/__sandbox__/{vendor}/leads"))
            for vendor in ("noojee", "leadsquared")
        }
        await client.close()
    finally:
        process.kill()
        await process.wait()
    ids = {
        vendor: [lead["id"] for lead in orjson.loads(reply.body)]
        for vendor, reply in known.items()
        if isinstance(reply, HttpResponse)
    }
    assert ids == {"noojee": ["9856", "9856-2"], "leadsquared": ["leadId", "leadId-2"]}


def run(command: list[str]) -> tuple[int, str]:
    """Exit code and what was said to stderr, in one line."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, " ".join(re.sub("[│╭╮╰╯─]", " ", done.stderr).split())


def test_an_unknown_vendor_is_a_usage_error(command: list[str]) -> None:
    """Exit 2, naming it and the ones there are."""
    code, said = run([*command, "three", "deaf"])
    assert code == 2
    assert "three, deaf: there is one, two" in said


def test_a_taken_port_is_a_failure(command: list[str], taken: int) -> None:
    """Exit 1, naming the port, without a traceback."""
    code, said = run([*command, "one", "--port", str(taken)])
    assert code == 1
    assert said.startswith(f"cannot listen on 127.0.0.1:{taken}: ")
    assert "Traceback" not in said
