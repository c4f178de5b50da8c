"""Addresses: the network that one operator or subscriber usually holds, and what may be known about an address."""

import ipaddress
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct


class AddressKind(StrEnum):
    """What an address is mainly used for. Where lists disagree, the first of these counts.

    Context for people and a hint at who operates it: no kind is suspicious by itself.
    """

    PROXY = "proxy"
    """Passes on the calls of others: open proxies, Tor exits, rented home connections."""
    VPN = "vpn"
    HOSTING = "hosting"
    """Clouds, hosters, servers."""
    MOBILE = "mobile"
    RESIDENTIAL = "residential"


class AddressFacts(Struct, frozen=True, gc=False):
    """What is known about one address; None for what is not."""

    country: str | None = None
    """ISO 3166-1 alpha-2 code."""
    asn: int | None = None
    """Number of the autonomous system that announces it."""
    kind: AddressKind | None = None
    provider: str | None = None
    """Who operates it, as the list is named that has it: `amazon`."""


UNKNOWN = AddressFacts()


@lru_cache(maxsize=1 << 16)
def network_of(ip: str) -> str:
    """The /24 (IPv4) or /48 (IPv6) that holds `ip`, as text; `::ffff:1.2.3.4` counts as IPv4.

    Raises:
        ValueError: `ip` is not an address.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError as error:
        message = f"ip: must be an IPv4 or IPv6 address, got {ip[:48]!r}"
        raise ValueError(message) from error
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(address) >> 80 << 80, 48)))
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((int(address) >> 8 << 8, 24)))


def block_of(ip: str) -> str:
    """The /8 (IPv4) or /16 (IPv6) that holds `ip`: a coarse stand-in for its operator, where the AS is not known.

    A carrier or a cloud has its addresses in a few of these; exits rented all over the world lie in dozens.

    Raises:
        ValueError: `ip` is not an address.

    >>> block_of("192.0.2.1"), block_of("2001:db8:1:2::3")
    ('192', '2001')
    """
    network = network_of(ip)
    return network.partition(":" if ":" in network else ".")[0]
