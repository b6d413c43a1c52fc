"""Which addresses a request may go to, where its target is not the operator's own word.

The guard stands at the socket: it sees the address that is about to be dialled, whatever name,
number or redirect led there, so a name that resolves to something else the second time gains
nothing. Only addresses of the public internet pass; the operator opens others by range.

An IPv6 address that stands for an IPv4 one (mapped, 6to4, NAT64) is judged by that one.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias

from gateway.transport.port import BLOCKED

Address: TypeAlias = IPv4Address | IPv6Address
AddressInfo: TypeAlias = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, Any]
"""One row of `socket.getaddrinfo`; its last column is the address to dial."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052 §2.1: the last 32 bits are the IPv4 address."""
_UNICAST = IPv6Network("2000::/3")
"""The only part of IPv6 handed out as global unicast (IANA IPv6 address space registry)."""


class Blocked(OSError):
    """The guard does not let a connection be opened to this address."""

    def __init__(self, address: str) -> None:
        """Which address."""
        super().__init__(f"{BLOCKED}{address} is not a public address")


class Guard:
    """Lets connections out to public addresses and to the ranges that are allowed."""

    def __init__(self, allow: Sequence[str]) -> None:
        """`allow` holds CIDR ranges, e.g. `10.20.0.0/16`; raises ValueError for another text."""
        self._allowed = tuple(ip_network(text, strict=False) for text in allow)

    def permits(self, address: str) -> bool:
        """Whether `address`, an IPv4 or IPv6 literal, may be dialled; any other text may not."""
        try:
            outer = ip_address(address)
        except ValueError:
            return False
        inner = _embedded(outer)
        if self._is_allowed(outer) or self._is_allowed(inner):
            return True
        return _is_public(inner)

    def open_socket(self, info: AddressInfo) -> socket.socket:
        """A socket for the address about to be dialled; raises `Blocked`."""
        family, kind, protocol, _, target = info
        if not self.permits(target[0]):
            raise Blocked(target[0])
        return socket.socket(family, kind, protocol)

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global:
        return False
    return isinstance(address, IPv4Address) or address in _UNICAST
