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
            return verdicts
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # A slice that trips over one update must not stop the others: it counts as an
            # attempt at this lead, and the dead letter says where it tripped.
            fault = Unavailable(f"the connector failed: {type(error).__name__}", code=Code.INTERNAL)
            return (fault,) * len(deliveries)

    def rehearse(self, deliveries: Sequence[Delivery]) -> HttpRequest | None:
        """The first request of a conversation, which is then dropped; None if there is none."""
        conversation = self._connector.converse(deliveries)
        try:
            return next(conversation)
        except StopIteration:
            return None
        finally:
            conversation.close()

    async def _send(self, request: HttpRequest) -> HttpReply:
        slot = await self._gate.slot()
        try:
            return await self._client.send(request)
        finally:
            self._gate.done(slot)
