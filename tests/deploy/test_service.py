"""The systemd unit agrees with the program it starts, and systemd has nothing against it."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

from gateway.cli import COMMANDS
from gateway.settings import Settings
from tests.deploy.tools import DEPLOY, needs, said

UNIT = DEPLOY / "leadwire.service"
PROGRAM = "/opt/leadwire/.venv/bin/leadwire"


def unit() -> configparser.SectionProxy:
    """The section about the service; of a name that is there more than once, the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read(UNIT, "utf-8")
    return parser["Service"]


def test_it_starts_a_command_that_there_is() -> None:
    """From the place that the README names."""
    program, command = unit()["ExecStart"].split()
    assert (program, command in COMMANDS) == (PROGRAM, True)


def test_it_waits_longer_than_a_drain_takes() -> None:
    """By the default of `shutdown_within`."""
    assert float(unit()["TimeoutStopSec"]) > Settings().shutdown_within


def test_a_wrong_configuration_is_not_tried_again() -> None:
    """Exit code 2."""
    assert unit()["RestartPreventExitStatus"] == "2"


@needs("systemd-analyze")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """Its own check, with a program in the command's place that is on this machine."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace(PROGRAM, sys.executable), "utf-8")
    assert said("systemd-analyze", "verify", "--man=no", str(copy)) == (0, "")


@needs("systemd-analyze")
def test_the_service_is_as_shut_in_as_systemd_can_make_it() -> None:
    """Its own measure of exposure, of 10: what is left is the network, which it is for."""
    code, told = said("systemd-analyze", "security", "--offline=true", "--threshold=15", str(UNIT))
    assert code == 0, told
