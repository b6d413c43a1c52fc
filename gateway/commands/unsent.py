"""What a shadow connector would have sent, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.commands.folded import fold


def lines(details: Mapping[str, Any]) -> Iterator[str]:
    """The requests in an outcome's details, in 80 columns; bodies are cut as they are kept."""
    requests = details.get("requests", [])
    code = "" if details.get("code") == "ok" else f" ({details.get('code')})"
    sent = "" if requests else ", and sent nothing"
    yield from fold(f"would have been {details.get('would')}{code}{sent}", "  ")
    for request in requests:
        yield from fold(f"{request['method']} {request['url']}", "  ")
        if request["body"]:
            yield from fold(request["body"], "    ")
