"""How campaigns reach the API, as origins of calls."""

from ipaddress import IPv4Address
from random import Random

from stream_detector.simulate.arrivals import HOUR_S
from stream_detector.simulate.campaigns.campaign import Network
from stream_detector.simulate.network import Country, Origin, Origins, Person, Residential, Servers, fingerprint

_EXIT_BLOCKS = ((146, 70), (51, 68), (51, 75), (95, 216), (65, 108), (45, 76), (172, 104), (138, 199))
"""First two octets of ranges of M247, OVH, Hetzner, Vultr, Linode and Datacamp (RouteViews): VPN exits and hired machines."""


def origins(rng: Random, network: Network, place: Country, agent: str) -> Origins:
    """Senders of one account's calls."""
    match network:
        case Network.SERVERS:
            return Servers(rng, 1, agent)
        case Network.RESIDENTIAL:
            return Residential(rng, agent, sticky_s=rng.uniform(300, 1800))
        case Network.VPN:
            return Exits(rng, agent)
        case Network.HOME:
            return Person(rng, place, agent)


class Exits:
    """A dozen exits of VPN and hosting companies: for some hours this one, then another."""

    def __init__(self, rng: Random, agent: str) -> None:
        self._rng = rng
        ja4 = fingerprint(agent)
        self._origins = tuple(Origin(_exit_address(rng), agent, ja4) for _ in range(rng.randint(6, 18)))
        self._until = 0.0
        self._now = self._origins[0]

    def at(self, ts: float) -> Origin:
        """The exit of the moment."""
        if ts >= self._until:
            self._until = ts + self._rng.uniform(0.5, 8) * HOUR_S
            self._now = self._rng.choice(self._origins)
        return self._now


def _exit_address(rng: Random) -> str:
    first, second = rng.choice(_EXIT_BLOCKS)
    return str(IPv4Address((first << 24) | (second << 16) | rng.randrange(256, (1 << 16) - 256)))
