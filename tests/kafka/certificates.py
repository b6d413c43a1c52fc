"""An authority of our own, and what it signs: for brokers and clients on the loopback."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

_CA = """\
[req]
distinguished_name = name
x509_extensions = authority
prompt = no
[name]
CN = leadwire tests
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[signed]
subjectAltName = IP:127.0.0.1, DNS:localhost
"""


class Certificates(NamedTuple):
    """PEM files."""

    ca: Path
    broker: Path
    """Key and certificate in one file."""
    cert: Path
    """A client's."""
    key: Path


def certificates(folder: Path) -> Certificates:
    """Make them in this folder, good for two days."""
    config = folder / "openssl.cnf"
    config.write_text(_CA)
    ca, signer = folder / "ca.pem", folder / "ca.key"
    _openssl(
        *("req", "-x509", "-config", config, "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-keyout", signer, "-out", ca),
    )
    for name in ("broker", "client"):
        key, asked = folder / f"{name}.key", folder / f"{name}.csr"
        _openssl(
            *("req", "-config", config, "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", key, "-out", asked),
        )
        _openssl(
            *("x509", "-req", "-in", asked, "-CA", ca, "-CAkey", signer, "-CAcreateserial"),
            *("-days", "2", "-extfile", config, "-extensions", "signed"),
            *("-out", folder / f"{name}.pem"),
        )
    both = folder / "both.pem"
    both.write_bytes((folder / "broker.key").read_bytes() + (folder / "broker.pem").read_bytes())
    return Certificates(ca, both, folder / "client.pem", folder / "client.key")


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
