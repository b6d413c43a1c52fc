"""Standard Webhooks: secrets, headers, and how a receiver checks them."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.webhook.wire import ID, SIGNATURE, TIMESTAMP, is_signed, signed, signer
from tests.connectors.webhook.hooks import OTHER, SECRET

AT = 1614265330
BODY = b'{"test": 2432232314}'
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The standard's own example."""
KEY = signer(SECRET)


def secret_of(size: int) -> str:
    """A secret of so many bytes."""
    return "whsec_" + base64.b64encode(bytes(range(size))).decode()


def test_the_standards_own_example_is_signed_so() -> None:
    """To the byte; parts of a second are cut off."""
    expected = ((ID, MESSAGE), (TIMESTAMP, str(AT)), (SIGNATURE, V1))
    assert signed([KEY], MESSAGE, AT + 0.9, BODY) == expected


def test_each_secret_signs() -> None:
    """So that a receiver may have either while one is changed."""
    both = dict(signed([KEY, signer(OTHER)], MESSAGE, AT, BODY))[SIGNATURE]
    other = dict(signed([signer(OTHER)], MESSAGE, AT, BODY))[SIGNATURE]
    assert both == f"{V1} {other}"


@pytest.mark.parametrize("size", [24, 25, 32, 64])
def test_a_secret_is_24_to_64_bytes(size: int) -> None:
    """As the standard says."""
    assert dict(signed([signer(secret_of(size))], "a", AT, b"{}"))[ID] == "a"


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "should begin with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "should begin with whsec_"),
        ("whsec_", "should be whsec_ and the base64 of 24 to 64 bytes, not of 0"),
        (secret_of(23), "should be whsec_ and the base64 of 24 to 64 bytes, not of 23"),
        (secret_of(65), "should be whsec_ and the base64 of 24 to 64 bytes, not of 65"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "should be whsec_ and base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", "should be whsec_ and base64"),
        ("whsec_MfKQ9r8GKYqrTwjU PD8ILPZIo2LaLaSw", "should be whsec_ and base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSé", "should be whsec_ and base64"),
    ],
)
def test_anything_else_is_no_secret(secret: str, why: str) -> None:
    """The reason does not show it; letters that the library would skip are refused."""
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        signer(secret)


@given(
    event=st.uuids().map(str),
    at=st.integers(0, 4_000_000_000),
    text=st.text(st.characters(codec="utf-8")),
)
def test_what_is_signed_is_taken(event: str, at: int, text: str) -> None:
    """By a receiver with either secret; by none with another."""
    body = text.encode()
    headers = dict(signed([KEY, signer(OTHER)], event, at, body))
    assert is_signed([KEY], headers, body, at + 0.5)
    assert is_signed([signer(OTHER)], headers, body, at)
    assert not is_signed([signer(secret_of(24))], headers, body, at)


GOOD = dict(signed([KEY], MESSAGE, AT, BODY))


@pytest.mark.parametrize(
    ("headers", "body", "now"),
    [
        ({}, BODY, AT),
        (GOOD, BODY + b" ", AT),
        (GOOD, BODY, AT + 301),
        (GOOD, BODY, AT - 301),
        ({**GOOD, ID: ""}, BODY, AT),
        ({**GOOD, ID: "msg_other"}, BODY, AT),
        ({**GOOD, TIMESTAMP: str(AT + 1)}, BODY, AT),
        ({**GOOD, TIMESTAMP: "soon"}, BODY, AT),
        ({**GOOD, TIMESTAMP: "²"}, BODY, AT),
        ({**GOOD, TIMESTAMP: "9" * 400}, BODY, AT),
        ({**GOOD, SIGNATURE: ""}, BODY, AT),
        ({**GOOD, SIGNATURE: V1.removeprefix("v1,")}, BODY, AT),
        ({**GOOD, SIGNATURE: V1.replace("v1,", "v1a,")}, BODY, AT),
        ({**GOOD, SIGNATURE: "v1,é"}, BODY, AT),
        (GOOD, b"\xff", AT),
    ],
)
def test_anything_else_is_not_taken(headers: dict[str, str], body: bytes, now: float) -> None:
    """Another body, id, time or secret; headers that are missing or no such headers."""
    assert not is_signed([KEY], headers, body, now)


def test_one_of_several_signatures_is_enough() -> None:
    """Also one of a kind that is not known."""
    headers = {**GOOD, SIGNATURE: f"v1a,abc v1,AAAA {V1}"}
    assert is_signed([KEY], headers, BODY, AT + 300)
