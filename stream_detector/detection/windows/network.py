"""Where from: distinct addresses and networks, and how often the network changes between calls."""

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64
from stream_detector.detection.windows.distinct import SlidingDistinct
from stream_detector.domain.addresses import network_of
from stream_detector.domain.calls import ApiCall

DAY_S = 86_400.0
MEMORY = 512


class NetworkWindow(Struct, array_like=True):
    """Addresses, networks (/24, /48), user agents and countries of the last one to two days."""

    addresses: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    networks: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(6, DAY_S))
    agents: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(4, DAY_S))
    countries: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(4, DAY_S))
    seen: int = 0
    switches: int = 0
    day: int = -1
    """Day of the newest distinct values: within it a repeated value need not be added again."""
    last_address: int = 0
    last_agent: int = 0
    last_network: int = 0

    def observe(self, call: ApiCall) -> None:
        """Count one call; without an address only its user agent."""
        ts = call.ts
        day = int(ts // DAY_S)
        if day > self.day:
            self.day = day
            self.last_address = self.last_agent = 0
        if call.ua is not None:
            agent = hash64(call.ua)
            if agent != self.last_agent:
                self.last_agent = agent
                self.agents.add(ts, agent)
        ip = call.ip
        if ip is None:
            return
        if self.seen >= MEMORY:
            self.seen >>= 1
            self.switches >>= 1
        self.seen += 1
        address = hash64(ip)
        if address != self.last_address:
            self.last_address = address
            self.addresses.add(ts, address)
            self._move(ts, ip)
            if call.ip_country is not None:
                self.countries.add(ts, hash64(call.ip_country))

    def _move(self, ts: float, ip: str) -> None:
        """Count the network of an address that is not the one before."""
        network = hash64(network_of(ip))
        self.networks.add(ts, network)
        if network != self.last_network:
            self.last_network = network
            self.switches += 1

    def switching(self) -> float:
        """Share of calls that come from another network than the call before, 0 to 1."""
        return min(1.0, self.switches / self.seen) if self.seen else 0.0
