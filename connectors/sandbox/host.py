"""The server of the fake backends: a prefix per vendor, and `/__sandbox__` to look and to steer.

What can be done over HTTP can be done with the methods of `SandboxHost` as well, with the same
values; tests, the demo and the measurements start one in their own process on a free port.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import orjson
from aiohttp import web
from pydantic import ValidationError

from connectors.sandbox.faults import Fault
from connectors.sandbox.hosted import HostedBackend
from connectors.sandbox.port import Backend, BackendCall
from gateway.clock import Clock
from gateway.dialect import Answer
from gateway.model.json import JsonObject

KEEP = 200_000
"""Calls remembered per vendor."""
MAX_BODY = 16 << 20
"""Bytes of a call; larger ones are answered 413."""
ADMIN = "/__sandbox__"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Act = Callable[[web.Request], Awaitable[object]]


def load(module: str, faithful: bool) -> Backend:
    """The backend of a vendor's sandbox module (`Vendor.sandbox`), with the vendor's quotas,
    floors and locks where `faithful`. Raises ImportError for a module that isn't there."""
    return cast("Backend", importlib.import_module(module).backend(faithful=faithful))


class NotHere(KeyError):
    """No such backend, lead or path."""


class Running:
    """A host that is being served."""

    def __init__(self, runner: web.AppRunner, host: str) -> None:
        """`runner` has one started site."""
        self._runner = runner
        self.port: int = runner.addresses[0][1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def close(self) -> None:
        """Stop serving; a call still being delayed is cut."""
        await self._runner.cleanup()


class SandboxHost:
    """Fake backends by vendor name. Methods raise KeyError for a vendor it doesn't host."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        clock: Clock,
        faithful: bool = False,
        keep: int = KEEP,
    ) -> None:
        """`faithful` is shown, so that whoever looks knows how the backends were made; `keep` is
        how many calls are remembered per vendor."""
        self._hosted = {
            name: HostedBackend(backend, clock, keep) for name, backend in backends.items()
        }
        self._clock = clock
        self._faithful = faithful

    # --- steering, by method ---------------------------------------------------------------

    def leads(self, vendor: str) -> list[JsonObject]:
        """Every lead a backend has."""
        return self._hosted[vendor].backend.leads()

    def lead(self, vendor: str, id: str) -> JsonObject:
        """One lead; raises NotHere where the backend has none with this id."""
        for lead in self.leads(vendor):
            if str(lead.get("id")) == id:
                return lead
        raise NotHere(f"no lead has the id {id}")

    def seed(self, vendor: str, lead: JsonObject) -> None:
        """Create or replace a lead; raises ValueError for one that can't be kept."""
        self._hosted[vendor].backend.seed(lead)

    def add_fault(self, vendor: str, fault: Fault) -> int:
        """From now on something goes wrong; the fault's number."""
        return self._hosted[vendor].faults.add(fault)

    def faults(self, vendor: str) -> list[JsonObject]:
        """Faults that may still hit."""
        return self._hosted[vendor].faults.as_json()

    def clear_faults(self, vendor: str) -> None:
        """Nothing goes wrong any more."""
        self._hosted[vendor].faults.clear()

    def calls(self, vendor: str, lead: str | None = None, since: int = 0) -> list[JsonObject]:
        """Received calls in order: those with a number above `since`, about `lead`.

        Each has `number`, `at` (Unix seconds of receipt), `method`, `path` (without the prefix),
        `query`, `headers`, `body`, `lead`, `status` (null: not answered, or not yet) and `fault`
        (the number of the fault that hit it, or null); secrets are masked.
        """
        hosted = self._hosted[vendor]
        return hosted.recording.rows(hosted.lead_of, lead, since)

    def forget_calls(self, vendor: str) -> None:
        """Empty the record; numbers go on."""
        self._hosted[vendor].recording.clear()

    # --- serving ---------------------------------------------------------------------------

    def application(self) -> web.Application:
        """The whole as an aiohttp application."""
        application = web.Application(client_max_size=MAX_BODY)
        for name, hosted in self._hosted.items():
            handler = self._vendor_handler(hosted, len(name) + 1)
            application.router.add_route("*", f"/{name}", handler)
            application.router.add_route("*", f"/{name}/{{tail:.*}}", handler)
        one = ADMIN + "/{vendor}"
        for method, path, act in (
            ("GET", ADMIN, self._show),
            ("GET", one + "/leads", self._get_leads),
            ("PUT", one + "/leads", self._put_leads),
            ("GET", one + "/leads/{id}", self._get_lead),
            ("PUT", one + "/leads/{id}", self._put_lead),
            ("GET", one + "/faults", self._get_faults),
            ("POST", one + "/faults", self._post_fault),
            ("DELETE", one + "/faults", self._delete_faults),
            ("GET", one + "/calls", self._get_calls),
            ("DELETE", one + "/calls", self._delete_calls),
            ("*", "/{tail:.*}", self._nothing_here),
        ):
            application.router.add_route(method, path, _answering_json(act))
        return application

    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> Running:
        """Serve in this event loop; port 0 takes a free one. Raises OSError."""
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        return Running(runner, host)

    def _vendor_handler(self, hosted: HostedBackend, prefix: int) -> _Handler:
        now = self._clock.now

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read() if request.can_read_body else b""
            call = BackendCall(
                request.method,
                request.path[prefix:] or "/",
                tuple(request.query.items()) if request.query_string else (),
                {name.lower(): value for name, value in request.headers.items()},
                body,
                now(),
            )
            answer = await hosted.answer(call)
            return _cut(request) if answer is None else _response(answer)

        return handle

    # --- steering, over HTTP ----------------------------------------------------------------

    async def _show(self, _: web.Request) -> object:
        return {"vendors": list(self._hosted), "faithful": self._faithful}

    async def _get_leads(self, request: web.Request) -> object:
        return self.leads(self._vendor(request))

    async def _put_leads(self, request: web.Request) -> object:
        leads = await _read(request)
        if not isinstance(leads, list):
            raise ValueError("an array of leads is expected")
        vendor = self._vendor(request)
        for lead in leads:
            self.seed(vendor, _as_object(lead))
        return {"seeded": len(leads)}

    async def _get_lead(self, request: web.Request) -> object:
        return self.lead(self._vendor(request), request.match_info["id"])

    async def _put_lead(self, request: web.Request) -> object:
        vendor, wanted = self._vendor(request), request.match_info["id"]
        lead = {"id": wanted, **_as_object(await _read(request))}
        if str(lead["id"]) != wanted:
            raise ValueError(f"the lead's id is {lead['id']}, the path's is {wanted}")
        self.seed(vendor, lead)
        return self.lead(vendor, wanted)

    async def _get_faults(self, request: web.Request) -> object:
        return self.faults(self._vendor(request))

    async def _post_fault(self, request: web.Request) -> object:
        fault = Fault.model_validate(await _read(request))
        return {"number": self.add_fault(self._vendor(request), fault)}

    async def _delete_faults(self, request: web.Request) -> object:
        self.clear_faults(self._vendor(request))
        return {}

    async def _get_calls(self, request: web.Request) -> object:
        since = int(request.query.get("since", "0"))
        return self.calls(self._vendor(request), request.query.get("lead"), since)

    async def _delete_calls(self, request: web.Request) -> object:
        self.forget_calls(self._vendor(request))
        return {}

    async def _nothing_here(self, request: web.Request) -> object:
        raise NotHere(f"nothing is served at {request.method} {request.path}")

    def _vendor(self, request: web.Request) -> str:
        vendor = request.match_info["vendor"]
        if vendor not in self._hosted:
            raise NotHere(f"no backend is named {vendor}; there are {', '.join(self._hosted)}")
        return vendor


def _cut(request: web.Request) -> web.StreamResponse:
    """Close the connection under the answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _response(answer: Answer) -> web.Response:
    headers = (("Content-Type", answer.content_type), *answer.headers)
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _answering_json(act: _Act) -> _Handler:
    """Give back what `act` returns, or why it could not."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return _json(await act(request))
        except NotHere as error:
            return _json({"error": error.args[0]}, 404)
        except ValidationError as error:
            return _json({"error": _words(error)}, 400)
        except ValueError as error:
            return _json({"error": str(error)}, 400)

    return handle


def _json(value: object, status: int = 200) -> web.Response:
    body = orjson.dumps(value, default=dict)
    return web.Response(status=status, body=body, content_type="application/json")


async def _read(request: web.Request) -> Any:
    """The body as JSON; raises ValueError."""
    return orjson.loads(await request.read())


def _as_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a lead is an object")
    return value


def _words(error: ValidationError) -> str:
    """Each fault of a body as `field: what is wrong`."""
    said = []
    for row in error.errors():
        place = ".".join(str(part) for part in row["loc"])
        said.append(f"{place}: {row['msg']}" if place else row["msg"])
    return "; ".join(said)
