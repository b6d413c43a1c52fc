"""Standard Webhooks on the wire: secrets, the three headers, and their check. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: what is
signed is `{id}.{timestamp}.{body}`, by HMAC-SHA256 with a secret of 24 to 64 bytes, and a header
may hold several signatures, so that a secret can be changed without a gap. Signing is one call of
`hmac.digest`, because the standard's own library takes four times as long, for every delivery; the
tests verify by that library.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from hmac import compare_digest, digest

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


def signer(secret: str) -> bytes:
    """The key of a secret; raises ValueError for one that is none, without showing it. Letters
    outside of base64 are refused, because the library would skip them and sign with less."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"should begin with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"should be {PREFIX} and base64") from None
    if len(key) not in SECRET_BYTES:
        raise ValueError(f"should be {PREFIX} and the base64 of 24 to 64 bytes, not of {len(key)}")
    return key


def signed(
    signers: Iterable[bytes], event_id: str, now: float, body: bytes
) -> tuple[tuple[str, str], ...]:
    """The headers of one try at `now` (unix seconds), signed with every secret."""
    moment = str(int(now))
    told = f"{event_id}.{moment}.".encode() + body
    signatures = ["v1," + base64.b64encode(digest(key, told, "sha256")).decode() for key in signers]
    return ((ID, event_id), (TIMESTAMP, moment), (SIGNATURE, " ".join(signatures)))


def is_signed(
    signers: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float
) -> bool:
    """Whether a receiver with these secrets takes a call at `now`; names of `headers` are in lower
    case."""
    event_id, said = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not event_id or not (said.isascii() and said.isdecimal() and len(said) < 12):
        return False
    if abs(int(said) - now) > TOLERANCE:
        return False
    expected = dict(signed(signers, event_id, int(said), body))[SIGNATURE].split()
    given = headers.get(SIGNATURE, "").encode().split()
    return any(compare_digest(one.encode(), other) for one in expected for other in given)
