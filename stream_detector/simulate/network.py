"""Where calls come from: source addresses, user agents and TLS fingerprints.

Addresses are drawn at random from blocks that the regional registries and the clouds publish as theirs, so that look-ups in
an address database work; which subscriber holds one means nothing.
"""

from collections.abc import Callable
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from random import Random
from typing import Protocol

from msgspec import Struct

DAY_S = 86_400.0


class Origin(Struct, frozen=True):
    """What the gateway sees of the sender."""

    ip: str
    ua: str
    ja4: str


class Origins(Protocol):
    """Where one stream of calls comes from as time goes by; asked in time order."""

    def at(self, ts: float) -> Origin:
        """The sender of a call at `ts`."""


class Country(Struct, frozen=True):
    """A country with one time zone and address blocks of its consumer networks."""

    code: str
    time_zone: str
    utc_offset_h: float
    language: str
    first_octets: tuple[int, ...]
    """/8 blocks of its regional registry (IANA IPv4 address space registry)."""


_ARIN, _RIPE = (24, 66, 68, 71, 73, 75, 98, 174), (77, 79, 82, 84, 87, 91, 93, 95, 178)
_APNIC, _LACNIC, _AFRINIC = (110, 114, 118, 122, 124, 175, 182), (177, 179, 186, 189, 201), (41, 102, 105, 197)
COUNTRIES = (
    Country("US", "America/New_York", -5, "english", _ARIN),
    Country("US", "America/Los_Angeles", -8, "english", _ARIN),
    Country("GB", "Europe/London", 0, "english", _RIPE),
    Country("DE", "Europe/Berlin", 1, "german", _RIPE),
    Country("FR", "Europe/Paris", 1, "french", _RIPE),
    Country("ES", "Europe/Madrid", 1, "spanish", _RIPE),
    Country("MX", "America/Mexico_City", -6, "spanish", _LACNIC),
    Country("BR", "America/Sao_Paulo", -3, "portuguese", _LACNIC),
    Country("CN", "Asia/Shanghai", 8, "chinese", _APNIC),
    Country("TW", "Asia/Taipei", 8, "chinese", _APNIC),
    Country("JP", "Asia/Tokyo", 9, "japanese", (126, 133, 153)),
    Country("IN", "Asia/Kolkata", 5.5, "hindi", _APNIC),
    Country("SG", "Asia/Singapore", 8, "english", _APNIC),
    Country("KZ", "Asia/Almaty", 5, "russian", _RIPE),
    Country("EG", "Africa/Cairo", 2, "arabic", _AFRINIC),
    Country("KE", "Africa/Nairobi", 3, "english", _AFRINIC),
)
_COUNTRY_WEIGHTS = (22, 12, 7, 8, 6, 4, 4, 7, 5, 2, 6, 9, 2, 2, 2, 2)
"""A plain choice: large economies first."""

_CLOUD_BLOCKS = (
    (3, 64),
    (18, 130),
    (34, 80),
    (35, 200),
    (52, 20),
    (20, 50),
    (40, 80),
    (129, 146),
    (159, 89),
    (165, 22),
)
"""First two octets inside ranges of Amazon, Google, Microsoft, Oracle and DigitalOcean, as these publish them."""

_TUNNEL_BLOCKS = tuple(map(IPv4Network, ("146.70.0.0/18", "37.120.128.0/19", "138.199.0.0/18")))
"""Of hosters that rent exits to VPN services (M247, Datacamp)."""

BROWSERS = tuple(
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
    for version in (128, 131, 134, 137)
)
LIBRARIES = (
    *(f"OpenAI/Python 1.{minor}.0" for minor in (3, 40, 52, 61, 75)),
    *(f"Anthropic/Python 0.{minor}.0" for minor in (25, 39, 49)),
    *(f"OpenAI/JS 4.{minor}.0" for minor in (20, 55, 77)),
    "python-requests/2.31.0",
    "python-httpx/0.27.0",
    "okhttp/4.12.0",
    "node-fetch/3.3.2",
    "Go-http-client/2.0",
    "axios/1.7.2",
)


def country(rng: Random) -> Country:
    """Where a client lives."""
    return rng.choices(COUNTRIES, _COUNTRY_WEIGHTS)[0]


def fingerprint(agent: str) -> str:
    """A JA4-shaped TLS fingerprint: equal for equal software, as in practice."""
    family = agent.partition(" Chrome/")[2] or agent.rpartition(".")[0]
    digest = blake2b(family.encode(), digest_size=12).hexdigest()
    return f"t13d1516h2_{digest[:12]}_{digest[12:]}"


def home_address(rng: Random, place: Country) -> str:
    """One subscriber's address of the moment; one in four is IPv6."""
    if rng.random() < 0.25:  # noqa: PLR2004
        return str(IPv6Address((0x2A02 << 112) | (rng.getrandbits(32) << 80) | rng.getrandbits(64)))
    first = place.first_octets[int(rng.random() * len(place.first_octets))]
    return str(IPv4Address((first << 24) | rng.randrange(256, (1 << 24) - 256)))


def server_address(rng: Random) -> str:
    """An address in a public cloud."""
    first, second = rng.choice(_CLOUD_BLOCKS)
    return str(IPv4Address((first << 24) | (second << 16) | rng.randrange(256, (1 << 16) - 256)))


def exit_address(rng: Random) -> str:
    """An exit of a VPN service, in a data centre."""
    block = rng.choice(_TUNNEL_BLOCKS)
    return str(block[rng.randrange(1, block.num_addresses - 1)])


class Addresses(Struct, frozen=True):
    """Where addresses are drawn from."""

    home: Callable[[Random, Country], str] = home_address
    server: Callable[[Random], str] = server_address
    exit: Callable[[Random], str] = exit_address


MADE_UP = Addresses()


class Servers:
    """A few fixed machines that share the work; all run the same software."""

    def __init__(self, rng: Random, machines: int, agent: str, addresses: Addresses = MADE_UP) -> None:
        self._rng = rng
        ja4 = fingerprint(agent)
        first = addresses.server(rng)
        prefix = first.rpartition(".")[0]  # one subnet
        found = [first, *(f"{prefix}.{rng.randrange(1, 255)}" for _ in range(machines - 1))]
        self._origins = tuple(Origin(address, agent, ja4) for address in found)

    def at(self, ts: float) -> Origin:  # noqa: ARG002  machines do not move
        """Any of the machines."""
        return self._origins[int(self._rng.random() * len(self._origins))]


class Person:
    """One person: an address at home that changes now and then, often a second place, one browser or tool."""

    def __init__(
        self,
        rng: Random,
        place: Country,
        agent: str,
        second_place: str | None = None,
        *,
        addresses: Addresses = MADE_UP,
    ) -> None:
        self._rng = rng
        self._place = place
        self._addresses = addresses
        self._agent, self._ja4 = agent, fingerprint(agent)
        self._second = second_place
        self._lease_days = rng.choice((1, 7, 30, 90))
        self._lease = -1
        self._home = ""

    def at(self, ts: float) -> Origin:
        """At the second place during its working hours, else at home."""
        local_h = (ts / 3600 + self._place.utc_offset_h) % 24
        if self._second is not None and 9 <= local_h < 18:  # noqa: PLR2004
            return Origin(self._second, self._agent, self._ja4)
        lease = int(ts / DAY_S) // self._lease_days
        if lease != self._lease:
            self._lease, self._home = lease, self._addresses.home(self._rng, self._place)
        return Origin(self._home, self._agent, self._ja4)


class Residential:
    """A rented pool of other people's connections: another address every `sticky_s`, always the same software."""

    def __init__(self, rng: Random, agent: str, sticky_s: float) -> None:
        self._rng = rng
        self._agent, self._ja4 = agent, fingerprint(agent)
        self._sticky_s = sticky_s
        self._until = 0.0
        self._ip = ""

    def at(self, ts: float) -> Origin:
        """The exit of the moment."""
        if ts >= self._until:
            self._until = ts + self._sticky_s
            self._ip = home_address(self._rng, country(self._rng))
        return Origin(self._ip, self._agent, self._ja4)
