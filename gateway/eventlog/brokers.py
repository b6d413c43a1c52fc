"""Where a Kafka cluster is, read from a URL."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import parse_qsl, urlsplit


def brokers(url: str) -> tuple[str, dict[str, Any]]:
    """Bootstrap servers and client options of `kafka://h1:9092,h2:9092?security=ssl`.

    The port is 9092 where it is left out; `security` is `plaintext` (default) or `ssl`. Raises
    ValueError.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    security = options.pop("security", "plaintext")
    servers = [server.strip() for server in parts.netloc.split(",")]
    if parts.scheme != "kafka" or not all(servers) or parts.path.strip("/") or options:
        raise ValueError("a Kafka log is kafka://host:port,host:port?security=plaintext|ssl")
    if security not in {"plaintext", "ssl"}:
        raise ValueError(f"security is plaintext or ssl, not {security}")
    named = [s if s.rpartition(":")[2].isdigit() else f"{s}:9092" for s in servers]
    if security == "ssl":
        context = ssl.create_default_context()
        return ",".join(named), {"security_protocol": "SSL", "ssl_context": context}
    return ",".join(named), {}
