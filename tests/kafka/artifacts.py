"""Apache Kafka's jars, fetched once by Maven into a folder outside the tree."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

VERSION: Final = os.environ.get("LEADWIRE_TEST_KAFKA", "4.4.0")
"""The version that the tests run on."""
CACHE: Final = Path(
    os.environ.get("LEADWIRE_TEST_CACHE") or Path.home() / ".cache" / "leadwire-tests"
)
FETCHED_WITHIN: Final = 540
"""Seconds for some sixty jars."""
POM: Final = Path(__file__).with_name("pom.xml")
NEEDED: Final = ("java", "mvn", "openssl")


def lacking() -> str | None:
    """What of the programs that a broker needs is not installed."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


def jars(version: str = VERSION) -> Path:
    """The folder with a version's jars. Raises CalledProcessError with what Maven said."""
    folder = CACHE / f"kafka-{version}"
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        command = [
            *("mvn", "-B", "-q", "-f", str(POM), f"-Pkafka-{version.partition('.')[0]}"),
            *("dependency:copy-dependencies", "-DincludeScope=runtime"),
            *(f"-Dkafka.version={version}", f"-DoutputDirectory={made}/jars"),
        ]
        subprocess.run(command, check=True, timeout=FETCHED_WITHIN)
        # Another run may have been first.
        with contextlib.suppress(OSError):
            Path(made, "jars").rename(folder)
    return folder
