"""What every client of the cluster is told: where it is, and how to speak to it."""

from __future__ import annotations

import ssl
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from pydantic import SecretStr

from gateway.settings.brokers import Brokers
from gateway.settings.model import KafkaSettings

METADATA_AGE_MS = 60_000
"""A client looks this often who leads what."""


def client_options(brokers: Brokers, tokens: AbstractTokenProvider | None) -> dict[str, Any]:
    """Keyword arguments of aiokafka's clients; `tokens` for OAUTHBEARER. Raises ValueError for a
    file that can't be used."""
    settings = brokers.settings
    security = settings.security or "plaintext"
    options: dict[str, Any] = {
        "bootstrap_servers": brokers.servers,
        "client_id": "leadwire",
        "metadata_max_age_ms": METADATA_AGE_MS,
        "security_protocol": security.upper(),
    }
    if security.endswith("ssl"):
        options["ssl_context"] = _tls(settings)
    if security.startswith("sasl"):
        options["sasl_mechanism"] = settings.mechanism
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = _said(settings.password)
        options["sasl_oauth_token_provider"] = tokens
    return options


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except OSError as error:
        raise ValueError(f"log.kafka.ca: {error}") from error
    if settings.cert is not None:
        try:
            # Without a password, OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(settings.cert, settings.key, password="")
        except OSError as error:
            raise ValueError(f"log.kafka.cert and log.kafka.key: {error}") from error
    return context


def _said(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
