"""Every command of the README is run as it is printed, in an empty folder.

What is put in its place, and nothing else:

- the ports 8080, 8081 and 8090 are free ones, in the text, in the files of `config/` (copied into
  the folder) and in what `leadwire config init` writes;
- `leadwire` is this checkout's, with those ports as its own defaults;
- `curl` also fails on an error status (`--fail-with-body`);
- `make TARGET` is not run: the target is looked for in the Makefile.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_ports

ROOT = Path(__file__).absolute().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PORTS = ("8080", "8081", "8090")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
MAKE = re.compile(r"^make (\w+)", re.MULTILINE)
SHIM = """\
#!{bash}
set -e
export LEADWIRE_SERVER__PORT={gateway} LEADWIRE_ADMIN__PORT={admin} PYTHONPATH={root}
case "$1 $2" in
  "sandbox "*) exec {python} -m gateway "$@" --port {sandbox} ;;
  "config init")
    {python} -m gateway "$@" > printed
    sed -i 's/:8080/:{gateway}/; s/:8081/:{admin}/; s/:8090/:{sandbox}/' printed leadwire.yaml
    exec cat printed ;;
esac
exec {python} -m gateway "$@"
"""
SCRIPT = """\
set -eu -o pipefail
trap 'kill $(jobs -p) 2> jobs.log || true' EXIT
curl() {{ command curl --fail-with-body "$@"; }}
{blocks}
"""


@pytest.mark.timeout(240)
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_readmes_commands_do_what_it_says(tmp_path: Path) -> None:
    """All of them, in order, in one shell; every one succeeds, and nothing is a dead letter."""
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))

    def moved(text: str) -> str:
        return re.sub("|".join(PORTS), lambda found: ports[found[0]], text)

    for name in ("quickstart.yaml", "quickstart-leads.csv", "automations.yaml"):
        file = tmp_path / "config" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(moved((ROOT / "config" / name).read_text("utf-8")), "utf-8")
    bash = shutil.which("bash") or "bash"
    shim = tmp_path / "bin" / "leadwire"
    shim.parent.mkdir()
    own = {"bash": bash, "python": sys.executable, "root": ROOT}
    listening = dict(zip(("gateway", "admin", "sandbox"), ports.values(), strict=True))
    shim.write_text(SHIM.format(**own, **listening), "utf-8")
    shim.chmod(0o755)
    blocks = "\n".join(moved(block) for block in BLOCKS if not MAKE.search(block))
    (tmp_path / "readme.sh").write_text(SCRIPT.format(blocks=blocks), "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADWIRE_")}
    done = subprocess.run(
        [bash, "readme.sh"],
        cwd=tmp_path,
        env={**kept, "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    logs = [path.read_text("utf-8")[-1000:] for path in sorted(tmp_path.glob("*.log"))]
    said = "\n".join([done.stdout[-2000:], done.stderr[-2000:], *logs])
    assert done.returncode == 0, said
    assert '{"code":0,"message":"OK"}' in done.stdout
    assert done.stdout.count("no dead letters") == 2, said
    assert done.stdout.count("HTTP/1.1 200") == 2 + 6, said


def test_what_the_readme_makes_is_in_the_makefile() -> None:
    """`make TARGET`."""
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = {name for block in BLOCKS for name in MAKE.findall(block)}
    assert (named, named - set(targets)) == ({"demo", "test"}, set())


def test_the_readmes_links_lead_somewhere() -> None:
    """To files of this checkout."""
    links = [one for one in re.findall(r"\]\(([^)]+)\)", README) if "://" not in one]
    assert links
    assert [one for one in links if not (ROOT / one.partition("#")[0]).exists()] == []
