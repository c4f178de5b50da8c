"""Addresses as text -> the network that one operator or subscriber usually holds."""

import ipaddress
from functools import lru_cache


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
