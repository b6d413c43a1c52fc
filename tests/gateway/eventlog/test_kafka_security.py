"""Every way to a broker that the settings know, on Apache Kafka; and what is wrong said so."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from gateway.clock import SystemClock
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.port import LogUnavailable
from gateway.settings.model import KafkaSettings
from tests.contracts.eventlogs import kept, new, prefix, read
from tests.journeys.running import eventually
from tests.kafka.apache import MARKS, PASSWORD, USER, ApacheKafka

LOGIN = {"username": USER, "password": PASSWORD}


@pytest.fixture(autouse=True)
async def all_closed() -> AsyncIterator[None]:
    """TLS is closed by both sides: what is closed here is gone a moment later."""
    sockets = asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]  # nobody else knows them all
    before = len(sockets)
    yield
    await eventually(lambda: len(sockets) <= before)


def log_at(cluster: ApacheKafka, name: str, **access: str) -> KafkaLog:
    """A log by the listener of its security, named by a host that the certificate names."""
    settings = KafkaSettings.model_validate(access)
    if access["security"].endswith("ssl"):
        settings = settings.model_copy(update={"ca": str(cluster.certificates.ca)})
    servers = cluster.at(access["security"].upper())
    return KafkaLog(f"kafka://{servers}", name, SystemClock(), 5.0, access=settings)


async def assert_it_works(log: KafkaLog) -> None:
    """By all of its clients."""
    await log.start()
    try:
        record = new("0")
        assert await log.append([record]) == [0]
        assert await read(log, {0: 0}, 1) == [kept(record, 0)]
        await log.tell_frontier("acme", {0: 1})
    finally:
        await log.close()


class Issuer:
    """A token server for one client; its tokens are of the kind that brokers take unsigned while
    no authority is configured (kafka.apache.org, "SASL/OAUTHBEARER")."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, dict[str, str]]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.asked.append((request.headers.get("Authorization"), form))
        clock = SystemClock()
        claims = {"sub": "leadwire", "iat": clock.now() - 1, "exp": clock.now() + 300}
        parts = (urlsafe_b64encode(orjson.dumps(part)) for part in ({"alg": "none"}, claims))
        token = ".".join(part.decode().rstrip("=") for part in parts) + "."
        return web.json_response({"access_token": token, "expires_in": 300})


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """A token server that runs."""
    issuer, app = Issuer(), web.Application()
    app.router.add_post("/token", issuer.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"{site.name}/token"
    try:
        yield issuer
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("security", ["sasl_plaintext", "sasl_ssl"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
class TestPasswords:
    """SASL by a user's name and password."""

    pytestmark = MARKS

    async def test_the_right_one_opens(
        self, apache: ApacheKafka, security: str, mechanism: str
    ) -> None:
        """With TLS and without."""
        log = log_at(apache, prefix(apache), security=security, mechanism=mechanism, **LOGIN)
        await assert_it_works(log)

    async def test_the_wrong_one_is_said(
        self, apache: ApacheKafka, security: str, mechanism: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """In time, and nowhere with the password."""
        wrong = {"username": USER, "password": "wrong-hush"}
        log = log_at(apache, "lw", security=security, mechanism=mechanism, **wrong)
        with pytest.raises(LogUnavailable) as raised:
            await log.start()
        assert "wrong-hush" not in f"{raised.value!r}{capfd.readouterr()}"


@pytest.mark.parametrize("security", ["sasl_plaintext", "sasl_ssl"])
class TestTokens:
    """SASL by a token."""

    pytestmark = MARKS

    async def test_one_token_opens_all_connections(
        self, apache: ApacheKafka, security: str
    ) -> None:
        """Asked for with the client's credentials."""
        async with issuing() as issuer:
            client = {"client_id": "lead wire", "client_secret": "s/e", "scope": "log"}
            log = log_at(
                apache,
                prefix(apache),
                security=security,
                mechanism="OAUTHBEARER",
                token_url=issuer.url,
                **client,
            )
            await assert_it_works(log)
        form = {"grant_type": "client_credentials", "scope": "log"}
        # `lead+wire:s%2Fe`
        assert issuer.asked == [("Basic bGVhZCt3aXJlOnMlMkZl", form)]

    async def test_no_token_is_said(self, apache: ApacheKafka, security: str) -> None:
        """In time."""
        log = log_at(
            apache,
            "lw",
            security=security,
            mechanism="OAUTHBEARER",
            token_url="http://127.0.0.1:9/token",
            client_id="leadwire",
            client_secret="s",
        )
        with pytest.raises(LogUnavailable):
            await log.start()


class TestCertificates:
    """TLS on both sides."""

    pytestmark = MARKS

    async def test_a_client_shows_its_own(self, apache: ApacheKafka) -> None:
        """The listener asks for one."""
        files = apache.certificates
        log = log_at(
            apache, prefix(apache), security="ssl", cert=str(files.cert), key=str(files.key)
        )
        await assert_it_works(log)

    async def test_a_client_without_one_is_turned_away(self, apache: ApacheKafka) -> None:
        """Which is said in time."""
        with pytest.raises(LogUnavailable):
            await log_at(apache, "lw", security="ssl").start()

    async def test_a_broker_that_nobody_vouches_for_is_not_spoken_to(
        self, apache: ApacheKafka
    ) -> None:
        """The machine's authorities did not sign its certificate."""
        settings = KafkaSettings(mechanism="PLAIN", username=USER, password=PASSWORD)
        url = f"kafka://{apache.at('SASL_SSL')}?security=sasl_ssl"
        with pytest.raises(LogUnavailable):
            await KafkaLog(url, "lw", SystemClock(), 5.0, access=settings).start()


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"ca": "missing.pem"}, "log.kafka.ca: "),
        ({"ca": "no.pem"}, "log.kafka.ca: "),
        ({"cert": "no.pem", "key": "no.pem"}, "log.kafka.cert and log.kafka.key: "),
    ],
)
async def test_files_that_cannot_be_used_are_named(
    tmp_path: Path, files: dict[str, str], problem: str
) -> None:
    """Before anything is dialled."""
    (tmp_path / "no.pem").write_text("no certificate")
    given = {name: str(tmp_path / file) for name, file in files.items()}
    settings = KafkaSettings.model_validate({"security": "ssl", **given})
    with pytest.raises(ValueError, match=f"^{problem}"):
        KafkaLog("kafka://127.0.0.1:9", "lw", SystemClock(), access=settings)
