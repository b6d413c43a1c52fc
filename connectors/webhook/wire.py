"""Standard Webhooks on the wire: secrets, the three headers, and their check. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: what is
signed is `{id}.{timestamp}.{body}`, by HMAC-SHA256 with a secret of 24 to 64 bytes, and a header
may hold several signatures, so that a secret can be changed without a gap. The library of the
standard does the signing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hmac import compare_digest

from standardwebhooks import Webhook

ID = "webhook-id"
"""The same for every try of one event: what receivers know a repeat by."""
TIMESTAMP = "webhook-timestamp"
"""Unix seconds of the try."""
SIGNATURE = "webhook-signature"
"""`v1,` and base64, one per secret, with a space between."""
PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
HOOK_PATH = "/hook"
"""Where the sandbox takes webhooks; a real receiver's path is its own."""
TOLERANCE = 300
"""Seconds that a receiver allows between `webhook-timestamp` and its clock, both ways; the
reference libraries' own."""


def signer(secret: str) -> Webhook:
    """What signs with a secret; raises ValueError for one that is none, without showing it. Letters
    outside of base64 are refused, because the library would skip them and sign with less."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"should begin with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"should be {PREFIX} and base64") from None
    if len(key) not in SECRET_BYTES:
        raise ValueError(f"should be {PREFIX} and the base64 of 24 to 64 bytes, not of {len(key)}")
    return Webhook(key)


def signed(
    signers: Iterable[Webhook], event_id: str, now: float, body: bytes
) -> tuple[tuple[str, str], ...]:
    """The headers of one try at `now` (unix seconds), signed with every secret."""
    moment, text = datetime.fromtimestamp(int(now), UTC), body.decode()
    signatures = " ".join(one.sign(event_id, moment, text) for one in signers)
    return ((ID, event_id), (TIMESTAMP, str(int(now))), (SIGNATURE, signatures))


def is_signed(
    signers: Sequence[Webhook], headers: Mapping[str, str], body: bytes, now: float
) -> bool:
    """Whether a receiver with these secrets takes a call at `now`; names of `headers` are in lower
    case."""
    event_id, said = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not event_id or not (said.isascii() and said.isdecimal() and len(said) < 12):
        return False
    if abs(int(said) - now) > TOLERANCE:
        return False
    try:
        expected = dict(signed(signers, event_id, int(said), body))[SIGNATURE].split()
    except UnicodeDecodeError:
        return False
    given = headers.get(SIGNATURE, "").encode().split()
    return any(compare_digest(one.encode(), other) for one in expected for other in given)
