"""Where a Kafka cluster is and how it is spoken to: a URL and the settings beside it, made one."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from gateway.settings.model import KafkaSettings
from gateway.settings.problems import nearest

PORT = 9092
"""Where a URL names none."""
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_TLS = ("ca", "cert", "key")
_PASSWORD = ("username", "password")
_TOKEN = ("token_url", "client_id", "client_secret")
_SASL = ("mechanism", *_PASSWORD, *_TOKEN, "scope")


class Brokers(NamedTuple):
    """A cluster."""

    servers: str
    """`host:port,host:port`: the brokers that are asked for the others."""
    settings: KafkaSettings
    """What the security asks for is there, and nothing else is."""


def brokers(url: str, beside: KafkaSettings | None = None) -> Brokers:
    """The cluster at `kafka://h1:9092,h2:9092?security=ssl`; what the query does not name is taken
    from `beside`.

    The query's names are those of `KafkaSettings`; paths in it are absolute. Raises ValueError,
    whose text holds no value of the query.
    """
    servers, query = _split(url)
    settings = _joined(query, beside or KafkaSettings())
    wrong = _wrong(settings)
    if wrong is not None:
        raise ValueError(wrong)
    return Brokers(servers, settings)


def _split(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    servers = [_SERVER.fullmatch(server.strip()) for server in parts.netloc.split(",")]
    if parts.scheme != "kafka" or parts.path.strip("/") or parts.fragment or None in servers:
        raise ValueError("should be kafka://host:port,host:port?security=…")
    named = [f"{found[1]}:{found[2] or PORT}" for found in servers if found is not None]
    return ",".join(named), dict(parse_qsl(parts.query, keep_blank_values=True))


def _joined(query: dict[str, str], beside: KafkaSettings) -> KafkaSettings:
    given = {name: getattr(beside, name) for name in beside.model_fields_set}
    for name, value in query.items():
        if name not in KafkaSettings.model_fields:
            raise ValueError(f"there is no {name!r}{nearest(name, KafkaSettings.model_fields)}")
        if given.get(name) is not None:
            raise ValueError(f"{name} stands in the URL and in log.kafka.{name}")
        if name in _TLS and not value.startswith("/"):
            raise ValueError(f"{name} in the URL is an absolute path; log.kafka.{name} need not be")
    if "mechanism" in query:
        query = {**query, "mechanism": query["mechanism"].upper()}
    try:
        return KafkaSettings.model_validate({**given, **query})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        text = detail["msg"].replace("Input should", "should", 1)
        raise ValueError(f"{detail['loc'][0]} {text}") from None


def _wrong(settings: KafkaSettings) -> str | None:
    """What does not go together."""
    given = {name for name in _TLS + _SASL if getattr(settings, name) is not None}
    security, mechanism = settings.security or "plaintext", settings.mechanism
    wanted: tuple[str, ...] = ()
    allowed: set[str] = set()
    if security.endswith("ssl"):
        allowed |= {*_TLS}
        wanted += ("cert", "key") if given & {"cert", "key"} else ()
    if security.startswith("sasl"):
        by_token = mechanism == "OAUTHBEARER"
        wanted += ("mechanism", *(_TOKEN if by_token else _PASSWORD))
        allowed |= {*wanted, "scope"} if by_token else {*wanted}
    stray = sorted(given - allowed)
    lacking = [name for name in wanted if name not in given]
    what = f"security {security}" + (f" by {mechanism}" if mechanism else "")
    if lacking:
        return f"{what} needs {' and '.join(lacking)}"
    return f"{what} has no use for {' and '.join(stray)}" if stray else None
