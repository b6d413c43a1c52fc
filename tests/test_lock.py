"""The lock files hold what `pyproject.toml` asks for, and nothing that one machine knows."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
RUN, DEV = "requirements.txt", "requirements-dev.txt"

UNIMPORTED = {
    "cramjam": "aiokafka reads and writes compressed batches with it",
    "tzdata": "zoneinfo reads it where the system has no time zones",
}
"""Dependencies of the product that it doesn't import itself, and why they are there."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked distribution."""

    version: Version
    marker: str
    hashes: tuple[str, ...]


@cache
def locked(name: str) -> dict[str, list[Pin]]:
    """The pins of a lock file; a distribution may have several, for different platforms."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    pins: dict[str, list[Pin]] = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(line.split("--hash=")[0].strip())
        [pinned] = requirement.specifier
        assert pinned.operator == "==", line
        hashes = tuple(re.findall(r"--hash=(sha256:[0-9a-f]{64})(?=\s|$)", line))
        pin = Pin(Version(pinned.version), str(requirement.marker or ""), hashes)
        pins.setdefault(canonicalize_name(requirement.name), []).append(pin)
    return pins


@cache
def pyproject() -> dict[str, Any]:
    """The project's own description."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def asked_to_run() -> list[Requirement]:
    """What the product needs."""
    return [Requirement(text) for text in pyproject()["project"]["dependencies"]]


def asked_to_test() -> list[Requirement]:
    """What its tests, its checks and its build need besides."""
    texts = [*pyproject()["dependency-groups"]["dev"], *pyproject()["build-system"]["requires"]]
    return [Requirement(text) for text in texts]


def unmet(requirements: list[Requirement], lock: str) -> list[str]:
    """The requirements without a pin that satisfies them."""
    return [
        str(wanted)
        for wanted in requirements
        if not any(
            wanted.specifier.contains(pin.version)
            for pin in locked(lock).get(canonicalize_name(wanted.name), [])
        )
    ]


def test_everything_the_product_asks_for_is_locked() -> None:
    """Both lock files satisfy the dependencies of `pyproject.toml`."""
    assert (unmet(asked_to_run(), RUN), unmet(asked_to_run(), DEV)) == ([], [])


def test_everything_the_tests_ask_for_is_locked() -> None:
    """The test lock satisfies the dev group and the build backend, which is not fetched apart."""
    assert unmet(asked_to_test(), DEV) == []


@pytest.mark.parametrize("lock", [RUN, DEV])
def test_every_pin_has_hashes(lock: str) -> None:
    """An archive that was exchanged is not installed."""
    assert [name for name, pins in locked(lock).items() for pin in pins if not pin.hashes] == []


@pytest.mark.parametrize("lock", [RUN, DEV])
def test_a_lock_names_no_place(lock: str) -> None:
    """Which index and which machine is the reader's own choice."""
    places = re.compile(r"://|^\s*-|file:|(?<![\w.])/\w")
    lines = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    bare = (line.split("--hash=")[0] for line in lines if not line.lstrip().startswith("#   -c"))
    assert [line for line in bare if places.search(line)] == []


def test_what_is_tested_is_what_runs() -> None:
    """The test lock holds each pin of the run lock, unchanged."""
    tested = locked(DEV)
    assert {n: p for n, p in locked(RUN).items() if tested.get(n) != p} == {}


def test_every_dependency_is_used() -> None:
    """The product imports each of its dependencies, or it is said why not."""
    used = {module.split(".")[0] for path in _product() for module in _imports(path)}
    distributions = metadata.packages_distributions()
    imported = {canonicalize_name(d) for module in used for d in distributions.get(module, [])}
    wanted = {
        canonicalize_name(requirement.name)
        for requirement in asked_to_run()
        if requirement.marker is None or requirement.marker.evaluate()
    }
    assert wanted - imported == set(UNIMPORTED)


def test_every_import_is_a_dependency() -> None:
    """The product imports nothing that is there only because something else needs it."""
    ours = {"gateway", "connectors", *sys.stdlib_module_names}
    used = {module.split(".")[0] for path in _product() for module in _imports(path)} - ours
    distributions = metadata.packages_distributions()
    asked = {canonicalize_name(requirement.name) for requirement in asked_to_run()}
    found = {m: {canonicalize_name(d) for d in distributions.get(m, [])} for m in used}
    assert {module for module, names in found.items() if not names & asked} == set()


def _product() -> list[Path]:
    return [path for folder in ("gateway", "connectors") for path in (ROOT / folder).rglob("*.py")]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found
