"""Tokens for SASL/OAUTHBEARER, by OAuth 2.0's client credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import quote_plus, urlencode

import orjson
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from gateway.clock import Clock
from gateway.settings.model import KafkaSettings
from gateway.transport.aiohttp_client import AiohttpClient
from gateway.transport.port import HttpClient, HttpRequest, HttpResponse

KEPT: Final = 0.8
"""Part of a token's life after which another one is got."""
UNSAID: Final = 60.0
"""Seconds that a token lives whose server does not say."""


class Tokens(AbstractTokenProvider):  # type: ignore[misc]  # it has no types
    """One token at a time, for all connections."""

    def __init__(
        self, settings: KafkaSettings, connect: Callable[[], HttpClient], clock: Clock
    ) -> None:
        """`settings` name the server and our account there; `connect` makes a client for it."""
        self._url = settings.token_url or ""
        secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
        # Section 2.3.1: each is form-encoded before Basic puts them together.
        account = f"{quote_plus(settings.client_id or '')}:{quote_plus(secret)}"
        grant = {"grant_type": "client_credentials"}
        if settings.scope is not None:
            grant["scope"] = settings.scope
        self._body = urlencode(grant).encode()
        self._headers = (
            ("Authorization", f"Basic {b64encode(account.encode()).decode()}"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
        )
        self._connect, self._client, self._clock = connect, connect(), clock
        self._token, self._until = "", 0.0
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good for a while; raises KafkaConnectionError."""
        async with self._asking:
            if not self._token or self._clock.monotonic() >= self._until:
                self._token, life = await self._got()
                self._until = self._clock.monotonic() + life * KEPT
            return self._token

    async def _got(self) -> tuple[str, float]:
        request = HttpRequest("POST", self._url, self._headers, self._body, 10.0)
        reply = await self._client.send(request)
        if not isinstance(reply, HttpResponse):
            raise KafkaConnectionError(f"log.kafka.token_url: {reply.reason}")
        if reply.status != 200:
            raise KafkaConnectionError(f"log.kafka.token_url answers {reply.status}")
        try:
            answer = orjson.loads(reply.body)
            return str(answer["access_token"]), float(answer.get("expires_in", UNSAID))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KafkaConnectionError("log.kafka.token_url answers without a token") from error

    async def close(self) -> None:
        """Let go of the connections; the next token makes others."""
        client, self._client = self._client, self._connect()
        await client.close()


def tokens(settings: KafkaSettings, clock: Clock) -> Tokens | None:
    """What gets tokens, where the settings ask for them."""
    if settings.mechanism != "OAUTHBEARER":
        return None
    return Tokens(settings, partial(AiohttpClient, 1), clock)
