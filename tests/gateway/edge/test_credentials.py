"""Who may call."""

from __future__ import annotations

from pydantic import SecretStr

from connectors.noojee.inbound import ConcurrencyQuota, NoojeeCredential, NoojeeDialect
from connectors.pollybot.inbound import PollyBotCredential, PollyBotDialect
from gateway.clock import SystemClock
from gateway.dialect import Call
from gateway.edge.credentials import Credentials, Registered
from gateway.edge.quota import counted_here
from gateway.settings.model import TenantSettings

NOOJEE, POLLYBOT = NoojeeDialect(), PollyBotDialect()
COUNTING = counted_here(SystemClock())


def noojee(key: str, quota: ConcurrencyQuota | None = None) -> NoojeeCredential:
    """A key of Noojee's dialect."""
    return NoojeeCredential(
        dialect="noojee", system="noojee-au", api_key=SecretStr(key), quota=quota
    )


def tenants(*credentials: NoojeeCredential | PollyBotCredential) -> dict[str, TenantSettings]:
    """One tenant with these."""
    return {"acme": TenantSettings(region="AU", credentials=list(credentials))}


def by_query(key: str) -> Call:
    """A call of Noojee's."""
    return Call("POST", "/", "updateLeadFast", {}, ((" apiKey", key),), {})


def by_header(value: str | None) -> Call:
    """A call of PollyBot's."""
    headers = {} if value is None else {"authorization": value}
    return Call("PUT", "/", "update", {}, (), headers)


def test_a_key_finds_its_credential() -> None:
    """With the tenant's reading habits, and a name that is no secret."""
    first, second = noojee("one"), noojee("two")
    known = Credentials(tenants(first, second), {"noojee": NOOJEE}, COUNTING)
    found = known.find(NOOJEE, by_query("two"))
    assert isinstance(found, Registered)
    assert (found.caller.tenant, found.caller.system) == ("acme", "noojee-au")
    assert (found.caller.region, found.settings is second) == ("AU", True)
    assert (found.name, found.quotas, found.turns) == ("acme/noojee/1", {}, None)


def test_an_unknown_key_and_none_are_told_apart() -> None:
    """True: something was presented."""
    polly = PollyBotCredential(system="polly", token=SecretStr("sk-workspace_x"))
    known = Credentials(tenants(polly), {"pollybot": POLLYBOT}, COUNTING)
    assert known.find(POLLYBOT, by_header("Bearer other")) is True
    assert known.find(POLLYBOT, by_header("Bearer")) is True
    assert known.find(POLLYBOT, by_header(None)) is False
    assert isinstance(known.find(POLLYBOT, by_header("bearer sk-workspace_x")), Registered)


def test_a_key_is_of_one_dialect() -> None:
    """The same text in another dialect opens nothing, nor does one of a dialect not served."""
    both = tenants(noojee("k"), PollyBotCredential(system="polly", token=SecretStr("p")))
    known = Credentials(both, {"noojee": NOOJEE}, COUNTING)
    assert known.find(NOOJEE, by_query("p")) is True
    assert known.find(POLLYBOT, by_header("Bearer k")) is True
    assert known.find(POLLYBOT, by_header("Bearer p")) is True


def test_each_vendors_kind_of_quota() -> None:
    """A window for PollyBot by default, calls at once for Noojee where asked for."""
    told = tenants(
        noojee("k", ConcurrencyQuota(concurrent=2)),
        PollyBotCredential(system="polly", token=SecretStr("p")),
    )
    known = Credentials(told, {"noojee": NOOJEE, "pollybot": POLLYBOT}, COUNTING)
    one, other = known.find(NOOJEE, by_query("k")), known.find(POLLYBOT, by_header("Bearer p"))
    assert isinstance(one, Registered)
    assert isinstance(other, Registered)
    assert (one.quotas, other.turns) == ({}, None)
    assert one.turns is not None
    assert len({id(quota) for quota in other.quotas.values()}) == 1
    assert set(other.quotas) == {route.operation for route in POLLYBOT.routes}


def test_a_secret_that_two_tenants_share_opens_nothing() -> None:
    """Nobody could say whose call it is; within one tenant the first credential has it."""
    one, two = noojee("shared"), noojee("shared")
    both = {**tenants(one, two), "other": TenantSettings(credentials=[noojee("shared")])}
    assert Credentials(both, {"noojee": NOOJEE}, COUNTING).find(NOOJEE, by_query("shared")) is True
    known = Credentials(tenants(one, two), {"noojee": NOOJEE}, COUNTING)
    found = known.find(NOOJEE, by_query("shared"))
    assert isinstance(found, Registered)
    assert found.settings is one
