"""A YAML file as plain values that remember where they were written.

Plain words mean what YAML 1.2's core schema says: `true`, `false`, `null` and decimal numbers
are themselves, everything else is text. So Norway (`NO`), times and leading zeros stay as
written. A key that comes twice in one group is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from gateway.settings.problems import Path, Problem, SettingsError

Tree: TypeAlias = dict[str, "Tree"] | list["Tree"] | str | int | float | bool | None

_TAG = "tag:yaml.org,2002:"
_WORDS: Mapping[str, str] = {
    "null": r"^(?:~|null|)$",
    "bool": r"^(?:true|false)$",
    "int": r"^[-+]?(?:0|[1-9][0-9]*)$",
    "float": r"^[-+]?(?:0|[1-9][0-9]*)\.[0-9]+$",
}
_TAGS = frozenset(_TAG + kind for kind in (*_WORDS, "str", "seq", "map"))


class _Loader(yaml.SafeLoader):
    """PyYAML with the words of YAML 1.2."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to say it


for _kind, _pattern in _WORDS.items():
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), None)


@dataclass(slots=True)
class Document:
    """A configuration before it is judged."""

    file: str
    """As the operator named it."""
    tree: dict[str, Tree] = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)
    """Where each setting was written."""
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> str:
        """Where a setting was written, or the closest group around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.file

    def complain(self, path: Path, text: str) -> None:
        """Note a problem with a setting, unless there is one with it already."""
        if not path or all(known.path != path for known in self.problems):
            self.problems.append(Problem(self.place(path), path, text))


def parse(file: str, text: str) -> Document:
    """The document in a YAML text; raises SettingsError where it is not YAML at all."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError([Problem(f"{file}:{line}", (), _syntax(error))]) from None
    except yaml.YAMLError:
        problem = Problem(file, (), "is not YAML: it holds characters that YAML has no place for")
        raise SettingsError([problem]) from None
    document = Document(file)
    if node is None:
        return document
    tree = _read(document, node, (), ())
    if not isinstance(tree, dict):
        raise SettingsError([Problem(f"{file}:1", (), "should be a group of settings")])
    document.tree = tree
    return document


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """What YAML complains of; aliases and tags are not named, because a secret without quotes
    may be read as one."""
    if error.problem and ("alias" in error.problem or "tag" in error.problem):
        return "is not YAML: a value that begins with * or ! must be in quotes"
    return f"is not YAML: {error.problem}"


def _read(document: Document, node: yaml.Node, path: Path, above: tuple[int, ...]) -> Tree:
    document.places[path] = f"{document.file}:{node.start_mark.line + 1}"
    if id(node) in above:
        document.complain(path, "holds itself")
        return None
    if node.tag not in _TAGS:
        document.complain(path, "has a tag, and tags mean nothing here: a text goes in quotes")
        return None
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        return _group(document, node, path, above)
    if isinstance(node, yaml.SequenceNode):
        return [_read(document, item, (*path, n), above) for n, item in enumerate(node.value)]
    return _scalar(node)


def _group(
    document: Document, node: yaml.MappingNode, path: Path, above: tuple[int, ...]
) -> dict[str, Tree]:
    group: dict[str, Tree] = {}
    for key_node, value_node in node.value:
        line = f"{document.file}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            document.problems.append(Problem(line, path, "has a key that is not a word"))
            continue
        key = key_node.value
        if key in group:
            first = document.places[(*path, key)].rpartition(":")[2]
            text = f"is written twice; first in line {first}"
            document.problems.append(Problem(line, (*path, key), text))
            continue
        group[key] = _read(document, value_node, (*path, key), above)
        document.places[(*path, key)] = line
    return group


def _scalar(node: yaml.Node) -> Tree:
    text, kind = str(node.value), node.tag.removeprefix(_TAG)
    if not re.match(_WORDS.get(kind, ""), text):
        return text
    match kind:
        case "null":
            return None
        case "bool":
            return text == "true"
        case "int":
            return int(text)
        case "float":
            return float(text)
        case _:
            return text
