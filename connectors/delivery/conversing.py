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
            return (tripped("the number of verdicts"),) * len(deliveries)
        except Exception as error:  # noqa: BLE001 - a slice that trips over one update must not
            # stop the others: it is tried again like a 5xx, and is told of by its exception.
            return (tripped(type(error).__name__),) * len(deliveries)

    async def _send(self, request: HttpRequest) -> HttpReply:
        if self._gate.open_now():
            return await self._client.send(request)
        slot = await self._gate.slot()
        try:
            return await self._client.send(request)
        finally:
            self._gate.done(slot)


def tripped(over: str) -> Unavailable:
    """The verdict where the slice itself failed: tried again like a 5xx."""
    return Unavailable(f"the connector failed: {over}", code=Code.INTERNAL)
