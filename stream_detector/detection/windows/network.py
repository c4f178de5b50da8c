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
    seen: int = 0
    switches: int = 0
    last: int = 0

    def observe(self, call: ApiCall) -> None:
        """Count one call; without an address only its user agent."""
        ts = call.ts
        if call.ua is not None:
            self.agents.add(ts, hash64(call.ua))
        ip = call.ip
        if ip is None:
            return
        if self.seen >= MEMORY:
            self.seen >>= 1
            self.switches >>= 1
        self.seen += 1
        self.addresses.add(ts, hash64(ip))
        network = hash64(network_of(ip))
        if network != self.last:
            self.switches += 1
            self.last = network
            self.networks.add(ts, network)

    def switching(self) -> float:
        """Share of calls that come from another network than the call before, 0 to 1."""
        return min(1.0, self.switches / self.seen) if self.seen else 0.0
