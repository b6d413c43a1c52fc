"""One fake backend under the host: its calls recorded, its faults injected. Speaks no HTTP."""

from __future__ import annotations

import logging
from dataclasses import replace

import orjson

from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.port import Backend, BackendCall
from connectors.sandbox.recording import Recording
from gateway.clock import Clock
from gateway.dialect import Answer

log = logging.getLogger("leadwire.sandbox")


class HostedBackend:
    """A backend with what the sandbox adds to every one of them."""

    def __init__(self, backend: Backend, clock: Clock, keep: int) -> None:
        """`keep`: how many calls are remembered."""
        self.backend = backend
        self.faults = Faults()
        self.recording = Recording(keep)
        self._clock = clock

    async def answer(self, call: BackendCall) -> Answer | None:
        """Answer a call; None where the connection is to be cut instead."""
        record = self.recording.receive(call)
        active = self.faults.choose(lambda: self.lead_of(call))
        if active is None:
            answer = self._ask(call)
            record.status = answer.status
            return answer
        record.fault = active.number
        fault = active.fault
        if fault.delay:
            await self._clock.sleep(fault.delay)
        if fault.drop == "before":
            return None
        if fault.status is not None:
            record.status = fault.status
            return _injected(fault, fault.status)
        answer = self._ask(replace(call, now=self._clock.now()))
        if fault.drop == "after":
            return None
        record.status = answer.status
        return answer

    def lead_of(self, call: BackendCall) -> str | None:
        """Whom a call is about; None too where the backend fails to tell."""
        try:
            return self.backend.lead_of(call)
        except Exception:  # a fake backend is anyone's code; the host serves on
            log.exception("%s cannot tell whom %s is about", self.backend.name, call.path)
            return None

    def _ask(self, call: BackendCall) -> Answer:
        try:
            return self.backend.handle(call)
        except Exception:  # as in lead_of; the caller sees a server error, as with a real one
            log.exception("%s failed at %s %s", self.backend.name, call.method, call.path)
            return Answer(500, b'{"error":"the fake backend failed; see its log"}')


def _injected(fault: Fault, status: int) -> Answer:
    headers = tuple(fault.headers.items())
    declared = {name.lower(): value for name, value in headers}.get("content-type")
    others = tuple(pair for pair in headers if pair[0].lower() != "content-type")
    if isinstance(fault.body, str):
        return Answer(status, fault.body.encode(), others, declared or "text/plain; charset=utf-8")
    body = b"" if fault.body is None else orjson.dumps(fault.body)
    return Answer(status, body, others, declared or "application/json")
