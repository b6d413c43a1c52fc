"""`email`: a message by SMTP, with what the update says filled in."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

import aiosmtplib
import orjson

from connectors.automations.document import EmailSettings
from connectors.automations.performing import Performer, filled
from gateway.clock import Clock
from gateway.model.action import Action
from gateway.transport.port import (
    AnswerUnknown,
    ConnectFailed,
    HttpReply,
    HttpRequest,
    HttpResponse,
)


class Mailing(Performer):
    """A message whose id is the action's, so that servers and readers know a repeat."""

    most_in_flight: int | None = 4

    def __init__(self, settings: EmailSettings, clock: Clock) -> None:
        """By this server."""
        self._settings, self._clock = settings, clock
        secret = settings.password
        self._password = None if secret is None else secret.get_secret_value()
        self.secrets = (self._password,) if self._password else ()

    def told(self, action: Action) -> Mapping[str, object]:
        """See Performer."""
        call: Any = action.call["email"]
        host = self._settings.sender.rpartition("@")[2]
        return {
            "id": f"<{action.id}@{host}>",
            "to": [_line(one) for one in _texts(filled(call["to"], action)) if one.strip()],
            "subject": _line(str(filled(call["subject"], action))),
            "text": filled(call["text"], action),
        }

    async def send(self, request: HttpRequest) -> HttpReply:
        """See Performer. What the server refuses for good is refused; a message that it has taken
        and did not say so may come twice, under one id."""
        told, settings = orjson.loads(request.body), self._settings
        try:
            message = self._message(told)
        except ValueError as error:
            return HttpResponse(400, {}, str(error).encode())
        try:
            await aiosmtplib.send(
                message,
                hostname=settings.host,
                port=settings.port,
                username=settings.username,
                password=self._password,
                use_tls=settings.tls == "tls",
                start_tls=settings.tls == "starttls",
                timeout=settings.timeout,
            )
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPConnectTimeoutError) as error:
            return ConnectFailed(f"{settings.host}: {error}")
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = {refused.code for refused in error.recipients}
            return HttpResponse(400 if min(codes) >= 500 else 503, {}, _said(error).encode())
        except aiosmtplib.SMTPResponseException as error:
            return HttpResponse(400 if error.code >= 500 else 503, {}, _said(error).encode())
        except (aiosmtplib.SMTPException, OSError) as error:
            return AnswerUnknown(_said(error))
        return HttpResponse(200, {}, b"{}")

    def _message(self, told: Mapping[str, Any]) -> EmailMessage:
        """Raises ValueError for addresses that are none."""
        if not told["to"]:
            raise ValueError("there is nobody to write to")
        message = EmailMessage()
        message["Message-ID"], message["Date"] = told["id"], formatdate(self._clock.now())
        message["From"], message["To"] = self._settings.sender, ", ".join(told["to"])
        message["Subject"], message["Auto-Submitted"] = told["subject"], "auto-generated"
        # One for each: a caller's word for an address must not be two.
        if message["To"].defects or len(message["To"].addresses) != len(told["to"]):
            raise ValueError("an address to write to is none")
        message.set_content(told["text"])
        return message


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _line(text: str) -> str:
    """Without the line ends that would begin another header."""
    return " ".join(text.split())


def _said(error: Exception) -> str:
    """The kind of it: what servers say may hold addresses."""
    code = getattr(error, "code", "")
    return f"{type(error).__name__} {code}".strip()
