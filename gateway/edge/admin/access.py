"""Who may use the admin API."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address

from gateway.edge.admin.asked import Refused
from gateway.settings.model import AdminSettings


class Access:
    """With a configured token: whoever has it. Without: only this machine, and only where the
    listener is bound to it alone."""

    def __init__(self, settings: AdminSettings) -> None:
        """What is configured."""
        token = settings.token
        self._token = None if token is None else token.get_secret_value().encode()
        self._bound_here = is_loopback(settings.host)

    def check(self, headers: Mapping[str, str], peer: str | None) -> None:
        """`headers` find names in any case. Raises Refused."""
        if self._token is not None:
            scheme, _, given = headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not compare_digest(
                given.strip().encode("utf-8", "surrogateescape"), self._token
            ):
                raise Refused(401, "a bearer token is needed (admin.token)")
            return
        if not (self._bound_here and peer is not None and is_loopback(peer)):
            raise Refused(403, "without admin.token only this machine may, on a loopback address")
        # A page in a browser on this machine reaches loopback too: it says where it is from, or
        # comes by a name that only points here.
        if "Origin" in headers or not is_loopback(_host(headers.get("Host", ""))):
            raise Refused(403, "without admin.token no web page may")


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _host(header: str) -> str:
    """The host of a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]
