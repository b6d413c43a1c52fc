"""What is written down of a vendor's words: short, and without secrets or people's data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.redaction import BOUND, masked, redacted
from gateway.transport.port import HttpRequest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Invalid disposition 'Sold'", "Invalid disposition 'Sold'"),
        ("jane.smith+x@example.com.au is taken", "[email] is taken"),
        ("q=jane%40example.com&x=1", "q=[email]&x=1"),
        ("+61 491 570 156 and (03) 8321-8199", "[phone] and ([phone]"),
        ("0491570156", "[phone]"),
        ("error 1042 at line 17", "error 1042 at line 17"),
        ("blocked: 127.0.0.1 is inside", "blocked: 127.0.0.1 is inside"),
        ("10.255.0.9:443", "10.255.0.9:443"),
        ("61.491.570.156", "[phone]"),
        ("10.0.0.1 491 570 156", "[phone]"),
        ("key s3cret is wrong, so is s3cret-and-more", "key *** is wrong, so is ***"),
    ],
)
def test_secrets_addresses_and_numbers_are_masked(text: str, expected: str) -> None:
    """A secret that begins with another is masked whole."""
    assert expected == redacted(text, ("s3cret", "", "s3cret-and-more"))


def test_a_long_message_is_cut_with_a_mark() -> None:
    """To the bound, mark included."""
    assert redacted("x" * 5000) == "x" * (BOUND - 1) + "…"


@given(st.text(max_size=3000), st.integers(0, 2900))
def test_a_secret_never_shows_wherever_it_stands(text: str, at: int) -> None:
    """Nor is the bound passed."""
    secret = "0f3c-Secret"
    shown = redacted(text[:at] + secret + text[at:], (secret,))
    assert (secret in shown, len(shown) <= BOUND) == (False, True)


SECRETS = ("s3cr/t key+1", 'quo"te\\d-secret', "any", "")


def test_a_request_is_shown_without_its_secrets() -> None:
    """In the URL, in headers, in the body, as each of them spells it; all else stays."""
    request = HttpRequest(
        "POST",
        "https://h.example.com/many/any?apiKey=s3cr%2Ft%20key%2B1&b=s3cr%2Ft+key%2B1&token=other&c=d",
        (("Authorization", "Bearer s3cr/t key+1"), ("X-Any", "any"), ("Accept", "company/json")),
        b'{"a":"quo\\"te\\\\d-secret","b":"many and any","c":"s3cr/t key+1\xff"}',
    )
    assert masked(request, SECRETS) == HttpRequest(
        "POST",
        "https://h.example.com/many/***?apiKey=***&b=***&token=***&c=d",
        (("Authorization", "Bearer ***"), ("X-Any", "***"), ("Accept", "company/json")),
        b'{"a":"***","b":"many and ***","c":"***\xff"}',
    )


def test_a_request_without_secrets_is_shown_as_it_is() -> None:
    """Byte for byte."""
    request = HttpRequest("PUT", "https://h.example.com/a?b=c", (("A", "b"),), b"\xff\x00")
    assert masked(request, ()) == request
