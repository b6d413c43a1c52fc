"""The systemd unit agrees with the program it starts."""

from __future__ import annotations

import configparser
from pathlib import Path

from gateway.cli import COMMANDS
from gateway.settings import Settings

UNIT = Path(__file__).absolute().parents[1] / "deploy" / "leadwire.service"


def unit() -> configparser.SectionProxy:
    """The section about the service."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read(UNIT, "utf-8")
    return parser["Service"]


def test_it_starts_a_command_that_there_is() -> None:
    """From the place that the README names."""
    program, command = unit()["ExecStart"].split()
    assert (program, command in COMMANDS) == ("/opt/leadwire/.venv/bin/leadwire", True)


def test_it_waits_longer_than_a_drain_takes() -> None:
    """By the default of `shutdown_within`."""
    assert float(unit()["TimeoutStopSec"]) > Settings().shutdown_within


def test_a_wrong_configuration_is_not_tried_again() -> None:
    """Exit code 2."""
    assert unit()["RestartPreventExitStatus"] == "2"
