"""The house rules that no linter knows, over every file of the project."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = ("gateway", "connectors", "tests", "deploy")

TOP_FOLDERS = frozenset({"gateway", "connectors", "config", "tests", "deploy", ".ci"})
TOP_FILES = frozenset(
    {
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "pyproject.toml",
        "requirements-dev.txt",
        "requirements.txt",
    }
)
ENGINE = frozenset({"delivery", "sandbox", "automations"})
"""Folders of `connectors` that are no vendor's."""
SLICE = frozenset({"__init__", "wire", "mapping", "inbound", "outbound", "sandbox", "settings"})
"""Modules a vendor's slice may have; one that outgrows a file is a folder of that name."""

FILE_LINES = 400
FUNCTION_LINES = 60
FUNCTION_LINES_P95 = 40

VAGUE = re.compile(
    r"(?:^|_)(?:utils?|helpers?|managers?|base|common|misc|stuff|new|old|v[2-9])(?:$|_)"
)
VAGUE_CLASS = re.compile(r"(?:Utils?|Helpers?|Manager|Impl|V[2-9])$")
# A letter in brackets keeps these lines from finding themselves.
UNFINISHED = re.compile(
    r"\b(?:TO[D]O|FIX[M]E|XX[X]|HA[C]K|NotImplemented[E]rror"
    r"|for n[o]w(?! in\b)|not implement[e]d|placehold[e]r)\b"
)
FOREIGN = re.compile(
    r"--(?:extra-)?index[-]url|--find[-]links|https?://[a-z0-9.-]+/(?:simple|packages)/"
    r"|(?:^|[\s\"'(=])/(?:work|root|home)/"
)
"""Addresses of package indexes and places of one machine."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef | ast.Module


@cache
def files() -> tuple[Path, ...]:
    """The project's files, relative to its root: git's, else what is not in a dot-folder."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        names = [Path(name) for name in listed.stdout.split("\0") if name]
        return tuple(sorted(name for name in names if (ROOT / name).is_file()))
    walked = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(sorted(path for path in walked if _ours(path)))


def _ours(path: Path) -> bool:
    hidden = path.parts[0].startswith(".") and path.parts[0] != ".ci"
    built = path.parts[0] in {"build", "data", "dist"} or "__pycache__" in path.parts
    return not hidden and not built


def modules(*folders: str) -> list[Path]:
    """The Python files below these top folders."""
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in folders]


@cache
def tree(path: Path) -> ast.Module:
    """A module, parsed."""
    return ast.parse((ROOT / path).read_bytes(), str(path))


def functions(*folders: str) -> list[tuple[int, str]]:
    """Length, decorators and docstring included, and place of every function."""
    return sorted(
        (length(node), f"{path}:{node.lineno} {node.name}")
        for path in modules(*folders)
        for node in ast.walk(tree(path))
        if isinstance(node, Function)
    )


def length(node: Function) -> int:
    """Lines of a function, from its first decorator to its end."""
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return (node.end_lineno or node.lineno) - first + 1


def undocumented(node: Documented, place: str) -> Iterator[str]:
    """Public definitions without a docstring, in `node` and the classes inside it."""
    if ast.get_docstring(node) is None:
        yield place
    if isinstance(node, Function):
        return
    for inner in node.body:
        if isinstance(inner, Function | ast.ClassDef) and not inner.name.startswith("_"):
            yield from undocumented(inner, f"{place}:{inner.lineno} {inner.name}")


def test_the_top_level_is_fixed() -> None:
    """Beside the agreed folders and files there are only dot-files."""
    strangers = [
        path
        for path in files()
        if (len(path.parts) > 1 and path.parts[0] not in TOP_FOLDERS)
        or (len(path.parts) == 1 and path.name not in TOP_FILES and path.name[0] != ".")
    ]
    assert strangers == []


def test_files_are_short() -> None:
    """A longer file holds more than one thing."""
    lines = {str(path): len((ROOT / path).read_bytes().splitlines()) for path in modules(*CODE)}
    assert {path: count for path, count in lines.items() if count > FILE_LINES} == {}


@pytest.mark.parametrize("folders", [("gateway", "connectors"), ("tests",), ("deploy",)])
def test_functions_are_short(folders: tuple[str, ...]) -> None:
    """Nineteen of twenty fit in 40 lines, none is longer than 60."""
    measured = functions(*folders)
    assert [place for lines, place in measured if lines > FUNCTION_LINES] == []
    p95, place = measured[(len(measured) * 95 - 1) // 100]
    assert p95 <= FUNCTION_LINES_P95, place


def test_names_say_what_is_inside() -> None:
    """No module and no class has a name that fits anything."""
    vague = [
        path for path in modules(*CODE) if any(VAGUE.search(Path(part).stem) for part in path.parts)
    ]
    classes = [
        f"{path}:{node.lineno} {node.name}"
        for path in modules(*CODE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and VAGUE_CLASS.search(node.name)
    ]
    assert (vague, classes) == ([], [])


def test_nothing_is_left_unfinished() -> None:
    """What is in the tree is done; what is not done is not in the tree."""
    assert _lines(UNFINISHED, modules(*CODE)) == []


def test_nothing_belongs_to_one_machine() -> None:
    """No path of a machine and no address of a package index is written down."""
    assert _lines(FOREIGN, list(files())) == []


def test_public_things_are_documented() -> None:
    """Every public module, class and function says what it is for."""
    missing = [
        place
        for path in modules("gateway", "connectors", "deploy")
        for place in undocumented(tree(path), str(path))
    ]
    assert missing == []


def test_tests_say_what_they_hold() -> None:
    """Every test has a docstring of its own."""
    missing = [
        f"{path}:{node.lineno} {node.name}"
        for path in modules("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, Function)
        and node.name.startswith("test_")
        and ast.get_docstring(node) is None
    ]
    assert missing == []


def test_readmes_have_something_to_say() -> None:
    """A folder's README is not empty, and every vendor's slice has one."""
    readmes = {path for path in files() if path.name == "README.md"}
    assert [path for path in readmes if len((ROOT / path).read_text().split()) < 20] == []
    assert [slice_ for slice_ in _slices() if slice_ / "README.md" not in readmes] == []


def test_a_vendors_slice_has_only_its_parts() -> None:
    """What two vendors would share belongs into the engine or the gateway."""
    strangers = [
        path
        for path in files()
        for slice_ in _slices()
        if path.is_relative_to(slice_)
        and path != slice_ / "README.md"
        and not (path.suffix == ".py" and _part(path, slice_) in SLICE)
    ]
    assert strangers == []


def _part(path: Path, slice_: Path) -> str:
    return Path(path.relative_to(slice_).parts[0]).stem


def _slices() -> list[Path]:
    folders = {Path(*path.parts[:2]) for path in modules("connectors") if len(path.parts) > 2}
    return sorted(folder for folder in folders if folder.name not in ENGINE)


def _lines(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(_text(path).splitlines(), 1)
        if pattern.search(line)
    ]


def _text(path: Path) -> str:
    """A file's text; nothing for one that is no text."""
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""
