"""One attempt: drives a conversation over the transport, through the gate."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.delivery.connector import Connector, Delivery, Unavailable, Verdict
from connectors.delivery.gate import Gate
from gateway.model.codes import Code
from gateway.transport.port import HttpClient, HttpReply, HttpRequest


class Speaker:
    """Holds a connector's conversations."""

    def __init__(self, connector: Connector, client: HttpClient, gate: Gate) -> None:
        """Every request takes a slot of `gate`."""
        self._connector = connector
        self._client = client
        self._gate = gate

    async def converse(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """One verdict per delivery, in order."""
        conversation = self._connector.converse(deliveries)
        try:
            request = next(conversation)
            while True:
                request = conversation.send(await self._send(request))
        except StopIteration as end:
            verdicts: tuple[Verdict, ...] = end.value
            if len(verdicts) == len(deliveries):
                return verdicts
            return _tripped("the number of verdicts", deliveries)
        except Exception as error:  # noqa: BLE001 - a slice that trips over one update must not
            # stop the others: it is tried again like a 5xx, and is told of by its exception.
            return _tripped(type(error).__name__, deliveries)

    def rehearse(self, deliveries: Sequence[Delivery]) -> HttpRequest | None:
        """The first request of a conversation, which is then dropped; None if there is none."""
        conversation = self._connector.converse(deliveries)
        try:
            return next(conversation)
        except Exception:  # noqa: BLE001 - as in `converse`; StopIteration: nothing to send
            return None
        finally:
            conversation.close()

    async def _send(self, request: HttpRequest) -> HttpReply:
        if self._gate.open_now():
            return await self._client.send(request)
        slot = await self._gate.slot()
        try:
            return await self._client.send(request)
        finally:
            self._gate.done(slot)


def _tripped(over: str, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
    return (Unavailable(f"the connector failed: {over}", code=Code.INTERNAL),) * len(deliveries)
