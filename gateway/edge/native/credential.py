"""Settings of a key of the native API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from gateway.settings.model import CredentialSettings, QuotaSettings


class NativeCredential(CredentialSettings):
    """A key that an upstream system calls the native API with."""

    dialect: Literal["native"] = "native"
    """Whose API it speaks."""
    token: SecretStr = Field(min_length=1)
    """The key after `Authorization: Bearer `."""
    system: str = ""
    """The id space of ids that name none; empty: every id names its own."""
    answer: Literal["applied", "accepted"] = "accepted"
    """`accepted` answers when the update is safe; `applied` waits for the authority's outcome. A
    call's `Prefer: wait=N` goes before it."""
    quota: QuotaSettings | None = None
    """How much the key may call; absent: any number."""
