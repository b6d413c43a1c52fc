"""What a configuration file says of webhooks: read, refused with place and reason, shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.noojee import VENDOR as NOOJEE
from connectors.registry import VENDORS
from connectors.vendor import Payload, PayloadShape, introduced
from connectors.webhook import VENDOR as ALONE
from gateway import wiring
from gateway.settings import SettingsError, load, read, show
from gateway.transport.guard import Guard
from tests.connectors.webhook.hooks import OTHER, SECRET, delivery, settings

HOOK = "vendor: webhook, url: 'https://hooks.example.com/x', secret: '{secret}'"


def written(folder: Path, hook: str = HOOK, secret: str = SECRET) -> Path:
    """A file with one webhook."""
    path = folder / "leadwire.yaml"
    path.write_text(f"connectors:\n  hook: {{{hook.replace('{secret}', secret)}}}\n")
    return path


def problem(path: Path) -> str:
    """What is wrong with a file, without its folder's name."""
    with pytest.raises(SettingsError) as caught:
        load(path, VENDORS, {})
    return str(caught.value).removeprefix(f"{path.parent}/")


def test_an_unknown_payload_is_refused_with_those_there_are(tmp_path: Path) -> None:
    """Of every vendor."""
    path = written(tmp_path, HOOK + ", payload: nooje")
    names = sorted(shape.name for vendor in VENDORS for shape in vendor.payloads)
    assert {"cloudevent", "noojee"} <= set(names)
    assert problem(path) == (
        "leadwire.yaml:2: connectors.hook.payload: "
        f"there is no payload 'nooje'; there are {', '.join(names)}"
    )


def test_a_bad_secret_is_refused_by_its_key_and_not_shown(tmp_path: Path) -> None:
    """When the file is read."""
    assert problem(written(tmp_path, secret="whsec_c2hvcnQ=")) == (
        "leadwire.yaml:2: connectors.hook.secret: "
        "should be whsec_ and the base64 of 24 to 64 bytes, not of 5"
    )


def test_secrets_are_masked_when_shown(tmp_path: Path) -> None:
    """Each of a list."""
    hook = HOOK.replace("'{secret}'", f"[{SECRET}, {OTHER}]")
    shown = show(load(written(tmp_path, hook), VENDORS, {}))
    assert SECRET not in shown
    assert OTHER not in shown
    assert "    secret:\n    - '***'\n    - '***'\n" in shown


def test_plain_http_off_loopback_is_a_warning(tmp_path: Path) -> None:
    """As for any other connector, under its own setting."""
    found = read(written(tmp_path, HOOK.replace("https", "http")), VENDORS, {}).warnings
    assert "connectors.hook.url: plain http off loopback" in str(found[0])


def test_only_guarded_vendors_are_dialled_through_the_guard(tmp_path: Path) -> None:
    """With the ranges that the operator opened; a base URL is the operator's own word."""
    path = written(tmp_path)
    noojee = "  noojee: {vendor: noojee, base_url: 'http://10.0.0.1', api_key: k}\n"
    path.write_text(path.read_text() + noojee + "egress: {allow: [10.0.0.0/8]}\n")
    guards = {plan.name: plan.guard for plan in wiring.plans(load(path, VENDORS, {}), VENDORS)}
    assert guards["noojee"] is None
    guard = guards["hook"]
    assert isinstance(guard, Guard)
    assert (guard.permits("10.0.0.1"), guard.permits("127.0.0.1")) == (True, False)


def test_vendors_are_introduced_to_who_posts_their_payloads() -> None:
    """Alone it has only its own; the others stay as they are."""
    odd = PayloadShape("odd", lambda delivery, *_: Payload({"a": delivery.event.id}))
    lender = replace(NOOJEE, payloads=(odd,))
    lent, hook = introduced((lender, ALONE))
    assert lent is lender
    own = settings(payload="odd")
    with pytest.raises(KeyError, match="odd"):
        ALONE.connect("hook", own, {})
    talk = hook.connect("hook", own, {}).converse([delivery()])
    assert next(talk).body == b'{"a":"0193503c-79a0-7000-8000-000000000001"}'
