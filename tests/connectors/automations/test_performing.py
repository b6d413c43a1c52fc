"""Actions that no endpoint carries out: what they do, and what they make of what comes back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.message import Message as Mail
from typing import Any

import orjson
import pytest
from aiosmtpd.handlers import Message as Keeping
from aiosmtpd.smtp import SMTP, Envelope, Session

from connectors.automations.mailing import Mailing
from connectors.automations.performing import Noting, Performer
from connectors.automations.publishing import Publishing
from connectors.automations.rules import actions_of
from connectors.delivery.connector import (
    Applied,
    Delivery,
    Refused,
    Unavailable,
    Unreachable,
    Verdict,
)
from gateway.clock import SystemClock
from gateway.eventlog.port import AppendUnknown, LogUnavailable, Message
from gateway.model.action import Action
from gateway.model.codes import Code
from gateway.settings import SettingsError
from tests.connectors.automations.rulebook import book, fact, rule

EMAIL = {"host": "127.0.0.1", "port": 1, "tls": "none", "from": "leads@example.com", "timeout": 5}
TO = {"to": "sales@example.com", "subject": "a ${disposition}", "text": "${full_name}: ${plan}\n"}


def action(does: Mapping[str, Any], **own: Any) -> Action:
    """What a rule wants done about a fact."""
    loaded = book({"rules": [rule(do=[does])], "email": EMAIL})
    (queued,) = actions_of(loaded.rules.rules[0], fact(**own), "v1")
    return queued.action


async def done(performer: Performer, one: Action) -> Verdict:
    """Have it done."""
    delivery = Delivery(one.update, (), one.update.ids, {}, 0.0, None, one)
    conversation = performer.converse([delivery])
    reply = await performer.send(next(conversation))
    try:
        conversation.send(reply)
    except StopIteration as end:
        (verdict,) = end.value
        return verdict  # type: ignore[no-any-return]  # a generator's value is Any here
    raise AssertionError("it asks for more")


# --- messages -------------------------------------------------------------------------------


class Box(Keeping):
    """What a server took; it answers what it is told to."""

    def __init__(self) -> None:
        """Nothing."""
        super().__init__()
        self.taken: list[Mail] = []
        self.answer = "250 OK"

    def handle_message(self, message: Mail) -> None:
        """Keep it."""
        self.taken.append(message)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """See aiosmtpd."""
        del server, session, options
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer


@asynccontextmanager
async def served(box: Box) -> AsyncIterator[Mailing]:
    """A server on the loopback, and who writes to it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="mail.example.com"), "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    settings = book({"email": {**EMAIL, "port": port}}).automations.email
    assert settings is not None
    try:
        yield Mailing(settings, SystemClock())
    finally:
        server.close()
        await server.wait_closed()


async def test_a_message_has_what_the_update_says_filled_in() -> None:
    """Under the action's id; what is not known is left empty."""
    box, one = Box(), action({"email": TO})
    async with served(box) as mailing:
        assert await done(mailing, one) == Applied(None, (), 200)
    (mail,) = box.taken
    told = {name: mail[name] for name in ("From", "To", "Subject", "Message-ID", "Auto-Submitted")}
    assert told == {
        "From": "leads@example.com",
        "To": "sales@example.com",
        "Subject": "a Sale",
        "Message-ID": f"<{one.id}@example.com>",
        "Auto-Submitted": "auto-generated",
    }
    assert mail.get_payload() == ": pro\r\n"


async def test_no_callers_word_makes_a_header() -> None:
    """A line end in a value is a space."""
    box = Box()
    async with served(box) as mailing:
        await done(mailing, action({"email": TO}, disposition="Sale\r\nBcc: x@example.com"))
    (mail,) = box.taken
    assert (mail["Subject"], mail["Bcc"]) == ("a Sale Bcc: x@example.com", None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("451 later", Unavailable("SMTPRecipientsRefused", 503)),
        ("550 nobody", Refused(Code.VALIDATION_FAILED, "SMTPRecipientsRefused", 400)),
    ],
)
async def test_a_server_refuses_for_now_or_for_good(answer: str, expected: Verdict) -> None:
    """By the first figure of its answer."""
    box = Box()
    box.answer = answer
    async with served(box) as mailing:
        assert await done(mailing, action({"email": TO})) == expected


async def test_a_server_that_is_away_is_unreachable() -> None:
    """So that the breaker opens, and nothing becomes a dead letter."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        own = {**EMAIL, "port": closed.getsockname()[1]}
    settings = book({"email": own}).automations.email
    assert settings is not None
    found = await done(Mailing(settings, SystemClock()), action({"email": TO}))
    assert isinstance(found, Unreachable)


@pytest.mark.parametrize(
    "to", ["${email}", "nobody", "a@example.com\r\nBcc: b", "a@example.com, b@example.com"]
)
async def test_an_address_that_is_none_is_refused(to: str) -> None:
    """For good: it would be none the next time, too."""
    async with served(Box()) as mailing:
        found = await done(mailing, action({"email": {**TO, "to": to}}))
    assert isinstance(found, Refused)


# --- topics ---------------------------------------------------------------------------------


def topic(*raised: Exception) -> tuple[Publishing, list[tuple[str, Message]]]:
    """What publishes, and what was published."""
    left, found = list(raised), list[tuple[str, Message]]()

    async def publish(name: str, message: Message) -> None:
        if left:
            raise left.pop(0)
        found.append((name, message))

    return Publishing(publish, SystemClock()), found


async def test_a_topic_is_told_in_binary_mode() -> None:
    """Under the action's id, keyed by the lead."""
    publishing, found = topic()
    one = action({"publish": "crm.sales"})
    assert await done(publishing, one) == Applied(None, (), 200)
    ((name, message),) = found
    data = orjson.loads(message.value)
    assert (name, message.key, data["kind"]) == ("crm.sales", "ld_42", "dispositionAction")
    assert dict(message.headers) == {
        "ce_specversion": "1.0",
        "ce_id": one.id,
        "ce_type": "io.leadwire.trigger.dispositionAction.v1",
        "ce_source": "/default/native",
        "ce_subject": "ld_42",
        "ce_time": "2026-01-01T00:00:00.000Z",
        "ce_tenant": "default",
        "content-type": "application/json",
    }


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LogUnavailable("no such topic"), Unreachable("sales: no such topic")),
        (AppendUnknown("no answer"), Unavailable("sales: no answer", answer_unknown=True)),
    ],
)
async def test_a_cluster_that_is_away_is_tried_again(error: Exception, expected: Verdict) -> None:
    """And it is on record where the message may be there already."""
    publishing, _ = topic(error)
    assert await done(publishing, action({"publish": "sales"})) == expected


async def test_an_update_is_no_action() -> None:
    """Whatever brought it there."""
    update = action({"log": "x"}).update
    conversation = Noting().converse([Delivery(update, (), update.ids, {}, 0.0)])
    with pytest.raises(StopIteration) as end:
        next(conversation)
    assert end.value.value == (Refused(Code.MALFORMED_REQUEST, "it is no action"),)


# --- what files may ask for -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"rules": [rule(do=[{"email": TO}])]}, "needs the server that takes messages (email)"),
        ({"endpoints": {"log": {}}}, "is what an action is called; call it something else"),
        ({"rules": [rule(do=[{"publish": "a topic"}])]}, "publish: string should match pattern"),
    ],
)
def test_what_can_not_be_done_is_said(given: dict[str, Any], expected: str) -> None:
    """Before it is to be done."""
    if "endpoints" in given:
        url = "https://hooks.example.com/x"
        given = {"endpoints": {"log": {"url": url, "secret": f"whsec_{'M' * 32}"}}}
    with pytest.raises(SettingsError) as refused:
        book(given)
    assert expected in str(refused.value)
