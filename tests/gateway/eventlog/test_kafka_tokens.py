"""Tokens for SASL/OAUTHBEARER: got, kept, got anew."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from gateway.eventlog.kafka.tokens import Tokens
from gateway.settings.model import KafkaSettings
from gateway.transport.port import ConnectFailed, HttpReply, HttpRequest, HttpResponse
from tests.virtual import VirtualClock, in_virtual_time

SETTINGS = KafkaSettings(
    mechanism="OAUTHBEARER",
    token_url="https://id.example/token",
    client_id="leadwire",
    client_secret="hush",
)


class Server:
    """Answers as it is told."""

    def __init__(self, *replies: HttpReply) -> None:
        self.replies = list(replies)
        self.asked: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpReply:
        self.asked.append(request)
        await asyncio.sleep(1)
        return self.replies.pop(0)

    async def close(self) -> None:
        pass


def reply(body: str, status: int = 200) -> HttpResponse:
    """An answer."""
    return HttpResponse(status, {}, body.encode())


def tokens(*replies: HttpReply) -> tuple[Server, Tokens]:
    """What gets tokens of a server that answers so."""
    server = Server(*replies)
    return server, Tokens(SETTINGS, lambda: server, VirtualClock())


@in_virtual_time
async def test_a_token_is_asked_for_once() -> None:
    """However many connections want one at the same time."""
    server, provider = tokens(reply('{"access_token":"t1","expires_in":100}'))
    assert await asyncio.gather(*(provider.token() for _ in range(3))) == ["t1"] * 3
    basic = ("Authorization", "Basic bGVhZHdpcmU6aHVzaA==")
    form = ("Content-Type", "application/x-www-form-urlencoded")
    headers = (basic, form, ("Accept", "application/json"))
    body = b"grant_type=client_credentials"
    url = "https://id.example/token"
    assert server.asked == [HttpRequest("POST", url, headers, body, 10.0)]


@in_virtual_time
async def test_a_token_is_got_anew_before_it_ends() -> None:
    """After four fifths of its life; of a minute, where the server says nothing."""
    server, provider = tokens(
        reply('{"access_token":"t1","expires_in":100}'), reply('{"access_token":"t2"}'),
        reply('{"access_token":"t3"}'),
    )  # fmt: skip
    told = []
    for wait in (0, 79, 2, 46, 3):
        await asyncio.sleep(wait)
        told.append(await provider.token())
    assert (told, len(server.asked)) == (["t1", "t1", "t2", "t2", "t3"], 3)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (ConnectFailed("refused"), "log.kafka.token_url: refused"),
        (reply('{"error":"invalid_client"}', 401), "log.kafka.token_url answers 401"),
        (reply("<html>"), "log.kafka.token_url answers without a token"),
        (reply('{"token":"hush"}'), "log.kafka.token_url answers without a token"),
        (reply("[]"), "log.kafka.token_url answers without a token"),
    ],
)
@in_virtual_time
async def test_no_token_is_a_connection_that_failed(answer: HttpReply, problem: str) -> None:
    """The next connection asks again."""
    _, provider = tokens(answer, reply('{"access_token":"t1"}'))
    with pytest.raises(KafkaConnectionError) as raised:
        await provider.token()
    assert problem in str(raised.value)
    assert await provider.token() == "t1"
