"""The programs that read what lies in `deploy`: Debian's `prometheus`, `systemd` and
`docker-compose` packages have most of them, the lock file the linter of Dockerfiles.

Under `CI=true` one that is missing is a failure; elsewhere its tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).absolute().parents[2]
DEPLOY = ROOT / "deploy"
CI = os.environ.get("CI") == "true"
_PLACES = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))


def found(program: str) -> str | None:
    """Where a program is: beside this Python, or on the path."""
    return shutil.which(program, path=_PLACES)


def needs(program: str) -> pytest.MarkDecorator:
    """The mark of a test that can't do without a program."""
    missing = found(program) is None and not CI
    return pytest.mark.skipif(missing, reason=f"{program} is not installed")


def said(program: str, *arguments: str, cwd: Path = ROOT) -> tuple[int, str]:
    """Exit code and all output of a program. Raises FileNotFoundError."""
    where = found(program)
    if where is None:
        raise FileNotFoundError(program)
    done = subprocess.run(
        [where, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout
