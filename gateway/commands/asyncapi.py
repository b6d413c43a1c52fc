"""What is in the log, for those who read it themselves: AsyncAPI 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway import __version__
from gateway.eventlog.port import Topic
from gateway.settings.model import LogSettings

PARTITIONS: Final = LogSettings().partitions
KAFKA: Final = "0.5.0"
"""Version of the AsyncAPI bindings for Kafka."""
HEADERS: Final = ("specversion", "id", "type", "source", "subject", "time", "tenant")
"""CloudEvents attributes that every record has as a header `ce_…`."""
# Topic -> schema, what a record is, and what a reader should know.
_TOPICS: Final[Mapping[Topic, tuple[str, str, str]]] = {
    Topic.UPDATES: (
        "lead-update.v1",
        "An accepted update.",
        "In order for each lead. An update is in the log before anybody hears of it.",
    ),
    Topic.OUTCOMES: (
        "outcome.v1",
        "What became of an update at a connector.",
        "One verdict for each round; a repeat has the same id.",
    ),
    Topic.TRIGGERS: (
        "trigger.v1",
        "A lead was updated, or got a disposition.",
        "Only for what was applied. A repeat after a crash has the same id: remember ids.",
    ),
    Topic.DEAD_LETTERS: (
        "outcome.v1",
        "An update that a connector has given up.",
        "Its id is that of its outcome.",
    ),
}


def asyncapi(prefix: str, schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The document for topics with this prefix; `schemas` are those of structured CloudEvents.
    Records are in binary mode: what there is `data` is the value, and the attributes are
    headers."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "leadwire",
            "version": __version__,
            "description": "The log's topics, as consumers of their own may read them. Every record"
            " is a CloudEvent in binary mode (Kafka protocol binding), keyed by the lead.",
        },
        "defaultContentType": "application/json",
        "servers": {"log": {"host": "localhost:9092", "protocol": "kafka"}},
        "channels": {topic.value: _channel(topic, prefix) for topic in _TOPICS},
        "operations": {f"send-{topic}": _operation(topic) for topic in _TOPICS},
        "components": {
            "messages": {topic.value: _message(topic) for topic in _TOPICS},
            "schemas": _components(schemas),
        },
    }


def _channel(topic: Topic, prefix: str) -> dict[str, Any]:
    _, summary, about = _TOPICS[topic]
    return {
        "address": f"{prefix}.{topic}",
        "title": summary,
        "description": about,
        "messages": {topic.value: {"$ref": f"#/components/messages/{topic}"}},
        "bindings": {"kafka": {"partitions": PARTITIONS, "bindingVersion": KAFKA}},
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{topic}"}],
    }


def _message(topic: Topic) -> dict[str, Any]:
    schema, summary, _ = _TOPICS[topic]
    key = {"type": "string", "description": "The lead's key: what stays in order."}
    return {
        "name": topic.value,
        "title": summary,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {f"ce_{name}": {"type": "string"} for name in HEADERS},
            "required": [f"ce_{name}" for name in HEADERS if name != "time"],
        },
        "payload": {"$ref": f"#/components/schemas/{schema}/$defs/data"},
        "bindings": {"kafka": {"key": key, "bindingVersion": KAFKA}},
    }


def _components(schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The schemas, with what they refer to in each other and in themselves as it is found here."""
    places = {schema["$id"]: f"#/components/schemas/{name}" for name, schema in schemas.items()}
    return {
        name: _placed(schema, places[schema["$id"]], places) for name, schema in schemas.items()
    }


def _placed(value: Any, own: str, places: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_placed(one, own, places) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _placed(one, own, places) for name, one in value.items() if name != "$id"}
    target = found.get("$ref")
    if isinstance(target, str):
        document, _, inside = target.partition("#")
        found["$ref"] = places.get(document, own) + inside
    return found
