"""What is written down of a vendor's words: short, and without secrets or people's data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.redaction import BOUND, redacted


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
