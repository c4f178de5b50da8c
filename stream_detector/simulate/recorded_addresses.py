"""Real addresses instead of made-up ones: of a web site's visitors, of clouds, and of a VPN service.

Visitors: the sample web log of Elastic (Apache-2.0). Countries: iptoasn (PDDL-1.0). Clouds, hosters and VPN exits:
lord-alfred/ipranges (CC0). Which subscriber holds an address means nothing.
"""

import gzip
from bisect import bisect
from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from random import Random

import maxminddb
from msgspec import Struct

from stream_detector.simulate.network import Addresses, Country

_LOG = "web_logs/elastic_apache_logs.log.gz"
_COUNTRIES = "ip_data/iptoasn-country.mmdb"
_RANGES = "ip_data/ipranges/{}/ipv4_merged.txt"
_CLOUDS = {"amazon": 35, "google": 20, "microsoft": 20, "digitalocean": 10, "oracle": 5, "linode": 5, "vultr": 5}
"""Provider -> weight: plain choice."""
_TUNNELS = "protonvpn"
_NETWORK_BITS = 8
"""Homes are drawn from networks of 256 addresses: whoever is beside a visitor is in the same country."""
_NETWORKS = 256
"""So many networks have the homes of a country."""
_TRIES = 100_000


class _Blocks(Struct, frozen=True):
    """Ranges of addresses as numbers, in order."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def __contains__(self, address: int) -> bool:
        index = bisect(self.starts, address) - 1
        return index >= 0 and address <= self.ends[index]


def read(directory: Path) -> Addresses:
    """Addresses from a folder laid out as in its own INDEX.md.

    Raises:
        OSError, ValueError: a file is missing or is not what it should be.
    """
    clouds = {name: _ranges(directory, name) for name in _CLOUDS}
    exits = _ranges(directory, _TUNNELS)
    homes = _homes(directory, _blocks((*exits, *(network for found in clouds.values() for network in found))))
    names, weights = list(_CLOUDS), list(_CLOUDS.values())
    wide = {name: [one for one in found if one.prefixlen <= 32 - _NETWORK_BITS] for name, found in clouds.items()}

    def home(rng: Random, place: Country) -> str:
        networks = homes(place)
        return str(IPv4Address(networks[int(rng.random() * len(networks))] + rng.randrange(1, 255)))

    def server(rng: Random) -> str:
        return _inside(rng, rng.choice(wide[rng.choices(names, weights)[0]]))

    def tunnel(rng: Random) -> str:
        return _inside(rng, rng.choice(exits))

    return Addresses(home=home, server=server, exit=tunnel)


def _inside(rng: Random, network: IPv4Network) -> str:
    return str(network[int(rng.random() * network.num_addresses)])


def _ranges(directory: Path, name: str) -> tuple[IPv4Network, ...]:
    lines = (directory / _RANGES.format(name)).read_text("ascii").split()
    return tuple(map(IPv4Network, lines))


def _blocks(networks: Iterable[IPv4Network]) -> _Blocks:
    spans = sorted((int(network[0]), int(network[-1])) for network in networks)
    starts, ends = zip(*spans, strict=True)
    return _Blocks(starts, ends)


def _homes(directory: Path, rented: _Blocks) -> Callable[[Country], tuple[int, ...]]:
    """Country -> networks of its visitors, and as many others of the country as it takes; none of them a cloud's."""
    countries = maxminddb.open_database(directory / _COUNTRIES, maxminddb.MODE_MEMORY)
    visitors = _visitors(directory)

    def code_of(network: int) -> object:
        record = countries.get(str(IPv4Address(network)))
        return record.get("country_code") if isinstance(record, dict) else None

    @cache
    def networks(place: Country) -> tuple[int, ...]:
        found = {network for network in visitors if network not in rented and code_of(network) == place.code}
        rng = Random(f"homes of {place.time_zone}")
        for _ in range(_TRIES):
            if len(found) >= _NETWORKS:
                break
            network = rng.choice(place.first_octets) << 24 | rng.getrandbits(16) << _NETWORK_BITS
            if code_of(network) == place.code and network not in rented:
                found.add(network)
        return tuple(sorted(found))

    return networks


def _visitors(directory: Path) -> frozenset[int]:
    with gzip.open(directory / _LOG, "rt", encoding="utf-8") as lines:
        return frozenset(int(IPv4Address(line.partition(" ")[0])) >> _NETWORK_BITS << _NETWORK_BITS for line in lines)
