"""How a recorded call is shown."""

from __future__ import annotations

import pytest

from connectors.sandbox.port import BackendCall
from connectors.sandbox.recording import Recording


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", None),
        (b'{"a":[1]}', {"a": [1]}),
        (b"a=1&b=2", "a=1&b=2"),
        (b"caf\xff", "caf\ufffd"),
    ],
)
def test_a_body_is_shown_as_json_where_it_is(body: bytes, shown: object) -> None:
    """Else as text, and none as null."""
    recording = Recording(keep=1)
    recording.receive(BackendCall("POST", "/", (), {}, body, 0.0))
    (row,) = recording.rows(lambda _: None, None, 0)
    assert row["body"] == shown
