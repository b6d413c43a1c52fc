"""`${env:NAME}` and `${file:PATH}` inside values. Any other `$` is a `$`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path as FilePath

from gateway.settings.document import Document, Tree
from gateway.settings.problems import Path

_REFERENCE = re.compile(r"\$\{(env|file):([^}]*)\}")


def substitute(document: Document, environ: Mapping[str, str] | None, folder: FilePath) -> None:
    """Put in what the values refer to, in `environ` (None: this process's). What was put in is not
    searched again.

    A file's path is relative to `folder`; the line end after its last line is left out. What
    can't be had is noted as a problem of the setting.
    """
    environ = os.environ if environ is None else environ
    for key, value in document.tree.items():
        document.tree[key] = _filled(document, value, (key,), environ, folder)


def _filled(
    document: Document, tree: Tree, path: Path, environ: Mapping[str, str], folder: FilePath
) -> Tree:
    if isinstance(tree, dict):
        return {
            key: _filled(document, value, (*path, key), environ, folder)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [
            _filled(document, value, (*path, n), environ, folder) for n, value in enumerate(tree)
        ]
    if not isinstance(tree, str):
        return tree

    def referred(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        found = environ.get(name) if kind == "env" else _file(folder / name)
        if found is None:
            document.complain(path, _LACKING[kind].format(name))
        return found or ""

    return _REFERENCE.sub(referred, tree)


_LACKING = {
    "env": "the environment variable {} is not set",
    "file": "the file {} can't be read",
}


def _file(path: FilePath) -> str | None:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        return None
