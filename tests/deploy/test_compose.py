"""The compose file is one that compose takes, and agrees with what it starts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import dashboard
from gateway.cli import COMMANDS
from gateway.commands.configured import KNOWN, documented_limits
from gateway.serving import ROLES
from gateway.settings import Settings, read
from tests.deploy.tools import DEPLOY, ROOT, needs, said

FILE = DEPLOY / "compose.yaml"
WHOLE: Mapping[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
OURS = ("gateway", "connectors", "ledger")


def variables() -> dict[str, str]:
    """Those of the example."""
    lines = (DEPLOY / "environment.example").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and line[0] != "#")


def test_the_example_has_every_variable_that_is_named() -> None:
    """By the compose file and by the file of settings that it mounts; and no other."""
    settings = (ROOT / "config" / "leadwire.yaml").read_text("utf-8").replace("${env:NAME}", "")
    named = set(re.findall(r"\$\{env:(\w+)\}", settings))
    assert set(variables()) == named | set(re.findall(r"\$\{(\w+)", FILE.read_text("utf-8")))


@pytest.mark.parametrize("service", OURS)
def test_its_settings_are_settings(service: str) -> None:
    """The mounted file with the service's variables has no problem."""
    given = variables()
    environ = {
        name: re.sub(r"\$\{(\w+):\?\}", lambda found: given[found[1]], value)
        for name, value in WHOLE["services"][service]["environment"].items()
    }
    path = ROOT / "config" / "leadwire.yaml"
    loaded = read(path, KNOWN, {**given, **environ}, documented_limits)
    admin = loaded.settings.admin
    assert admin.token is not None
    assert (admin.host, admin.token.get_secret_value()) == ("0.0.0.0", given["ADMIN_TOKEN"])  # noqa: S104 - a container's


def test_every_role_runs_once() -> None:
    """Each service says which."""
    commands = [WHOLE["services"][service]["command"] for service in OURS]
    assert [command[:2] for command in commands] == [["serve", "--roles"]] * len(OURS)
    assert sorted(",".join(command[2] for command in commands).split(",")) == sorted(ROLES)


def test_the_topics_are_made_before_all_else() -> None:
    """By a command of ours that ends, which the others wait for."""
    services = WHOLE["services"]
    first, second = services["topics"]["command"]
    assert (first in COMMANDS, second) == (True, "ensure")
    waiting = {services[name]["depends_on"]["topics"]["condition"] for name in OURS}
    assert waiting == {"service_completed_successfully"}


def test_it_waits_longer_than_a_drain_takes() -> None:
    """By the default of `shutdown_within`."""
    periods = {WHOLE["services"][service]["stop_grace_period"] for service in OURS}
    assert periods == {"40s"}
    assert Settings().shutdown_within < 40


def test_prometheus_scrapes_every_service_of_ours() -> None:
    """At the admin port."""
    scraped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    targets = [
        target
        for job in scraped["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    assert targets == [f"{service}:{Settings().admin.port}" for service in OURS]


def test_grafana_finds_its_source_and_its_dashboard() -> None:
    """Where compose mounts them."""
    source = yaml.safe_load((DEPLOY / "grafana" / "datasource.yaml").read_text("utf-8"))
    provider = yaml.safe_load((DEPLOY / "grafana" / "provider.yaml").read_text("utf-8"))
    [kind] = {one["type"] for one in source["datasources"]}
    [folder] = {one["options"]["path"] for one in provider["providers"]}
    mounted = dict(mount.split(":")[:2] for mount in WHOLE["services"]["grafana"]["volumes"])
    place = f"./{dashboard.TARGET.relative_to(DEPLOY)}"
    assert (kind, mounted[place]) == (dashboard.SOURCE["type"], f"{folder}/{dashboard.TARGET.name}")


def mounted_files() -> Iterator[str]:
    """What is mounted from the checkout."""
    for service in WHOLE["services"].values():
        for volume in service.get("volumes", ()):
            source = re.sub(r"\$\{\w+:-(.+?)\}", r"\1", volume).split(":")[0]
            if source[0] == ".":
                yield source


def test_what_is_mounted_is_there() -> None:
    """Docker would make a folder of what isn't."""
    files = sorted(set(mounted_files()))
    assert len(files) == 6
    assert [name for name in files if not (DEPLOY / name).is_file()] == []


@needs("docker-compose")
def test_compose_takes_it(tmp_path: Path) -> None:
    """With the example's variables; services and volumes as written."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    shutil.copy(DEPLOY / "environment.example", tmp_path / "deploy" / ".env")
    code, told = said("docker-compose", "-f", "compose.yaml", "config", cwd=tmp_path / "deploy")
    assert code == 0, told
    taken = yaml.safe_load(told)
    assert {part: set(taken[part]) for part in ("services", "volumes")} == {
        part: set(WHOLE[part]) for part in ("services", "volumes")
    }
    assert taken["services"]["gateway"]["environment"]["LEADWIRE_ADMIN__TOKEN"] == "change-me"
