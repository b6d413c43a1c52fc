"""The file of rules, from bytes to rules that are known to be good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from connectors.automations.document import KINDS, ActionSettings, Automations
from connectors.automations.rules import MOST_ACTIONS, RuleSet, written
from gateway.settings.document import Document, Tree, parse
from gateway.settings.loader import in_order, text_of
from gateway.settings.model import ConnectorSettings
from gateway.settings.problems import Path as Place
from gateway.settings.problems import SettingsError, nearest
from gateway.settings.substitution import substitute
from gateway.settings.validation import part


@dataclass(frozen=True)
class Endpoints:
    """How webhooks are configured: by the vendor that posts them, which rules don't know."""

    settings: type[ConnectorSettings]
    vendor: str
    payloads: frozenset[str]
    publishes: bool = True
    """Whether the log's cluster has topics of others."""


@dataclass(frozen=True)
class Loaded:
    """Rules, and what is kept to explain them by."""

    automations: Automations
    rules: RuleSet
    text: str


def load(path: Path, endpoints: Endpoints, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read a file. Raises SettingsError with every problem that can be told, each with its
    line."""
    text = text_of(path)
    return read(str(path), text, path.resolve().parent, endpoints, environ)


def read(
    name: str,
    text: str,
    folder: Path,
    endpoints: Endpoints,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """The same of a text; `folder` is where files that it names are."""
    document = parse(name, text)
    kept = _kept(document.tree)
    substitute(document, environ, folder)
    tree: dict[str, object] = dict(document.tree)
    given = tree.get("endpoints")
    if isinstance(given, dict):
        tree["endpoints"] = _endpoints(document, given, endpoints)
    automations = part(document, (), Automations, tree)
    if automations is not None:
        for place, complaint in _complaints(automations, endpoints):
            document.complain(place, complaint)
    if automations is None or document.problems:
        raise SettingsError(in_order(document))
    rules = RuleSet(automations, version_of(text))
    if rules.most_actions() > MOST_ACTIONS:
        document.complain(("rules",), f"want more than {MOST_ACTIONS} actions for one update")
        raise SettingsError(in_order(document))
    return Loaded(automations, rules, kept)


def _kept(tree: Mapping[str, Tree]) -> str:
    """The rules of a file, as JSON, without what its endpoints and its server of messages are: they
    hold secrets, and no rule is explained by them."""
    given = tree.get("endpoints")
    told: dict[str, object] = {name: part for name, part in tree.items() if name not in _MASKS}
    if isinstance(given, Mapping):
        told["endpoints"] = {str(name): _ENDPOINT for name in given}
    if "email" in tree:
        told["email"] = _SERVER
    return orjson.dumps(told).decode()


_ENDPOINT = {"url": "https://masked.example.com/", "secret": f"whsec_{'M' * 32}"}
_SERVER = {"host": "masked", "from": "masked@example.com"}
_MASKS = ("endpoints", "email")


def version_of(text: str) -> str:
    """What tells one set of rules from another: the beginning of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _endpoints(
    document: Document, given: Mapping[str, Tree], endpoints: Endpoints
) -> dict[str, ConnectorSettings]:
    context = {"payloads": endpoints.payloads}
    found = {}
    for name, raw in given.items():
        place: Place = ("endpoints", name)
        if not isinstance(raw, dict):
            document.complain(place, "should be a group of settings")
            continue
        told = {"vendor": endpoints.vendor, **raw}
        settings = part(document, place, endpoints.settings, told, context)
        if settings is not None:
            found[name] = settings
    return found


def _complaints(automations: Automations, endpoints: Endpoints) -> Iterator[tuple[Place, str]]:
    for name in set(KINDS) & set(automations.endpoints):
        yield ("endpoints", name), "is what an action is called; call it something else"
    names: dict[str, Place] = {}
    for place, rule, _ in written(automations):
        if rule.name in names:
            yield place, f"there is a rule {rule.name!r} already"
        names[rule.name] = place
        actions: set[str] = set()
        for number, action in enumerate(rule.do):
            yield from _about(automations, endpoints, (*place, "do", number), action)
            name = action.name or f"{action.kind}-{number + 1}"
            if name in actions:
                yield (*place, "do", number, "name"), f"there is an action {name!r} already"
            actions.add(name)


def _about(
    automations: Automations, endpoints: Endpoints, place: Place, action: ActionSettings
) -> Iterator[tuple[Place, str]]:
    if action.webhook is not None and action.webhook not in automations.endpoints:
        close = nearest(action.webhook, automations.endpoints)
        yield (*place, "webhook"), f"there is no endpoint {action.webhook!r}{close}"
    if action.publish is not None and not endpoints.publishes:
        yield (*place, "publish"), "needs the log on Kafka (log.url)"
    if action.email is not None and automations.email is None:
        yield (*place, "email"), "needs the server that takes messages (email)"
