"""Where from, and with what: networks, their operators, software, and how all of them change between calls."""

from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64
from stream_detector.detection.windows.distinct import SlidingDistinct
from stream_detector.detection.windows.stays import StayWindow
from stream_detector.domain.addresses import AddressKind, block_of, network_of
from stream_detector.domain.calls import ApiCall

DAY_S = 86_400.0
MEMORY = 512
"""At this many calls with an address all their counts are halved."""
JUMP_S = 1800.0
"""Nobody crosses a border between two calls so close together, save on paper: a tunnel, or somebody else."""
LEADERS = 4
_MASK32 = (1 << 32) - 1


class NetworkWindow(Struct, array_like=True):
    """Distinct addresses, networks (/24, /48), operators, software and countries of the last one to two days.

    An operator is the provider, else the AS, where either is known; else a coarse block of addresses stands in.
    """

    addresses: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    networks: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(6, DAY_S))
    blocks: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    """Of addresses, as large as a region has a few dozen of."""
    operators: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    agents: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(4, DAY_S))
    stacks: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(4, DAY_S))
    """TLS fingerprints: unlike the user agent, not a text that anybody may choose."""
    countries: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(4, DAY_S))
    seen: int = 0
    switches: int = 0
    jumps: int = 0
    """Changes of the country within `JUMP_S`."""
    named: int = 0
    """Calls whose operator is known."""
    proxy: int = 0
    vpn: int = 0
    hosting: int = 0
    leaders: dict[int, int] = field(default_factory=dict)
    """Space-saving counts of the commonest operators."""
    day: int = -1
    """Day of the newest distinct values: within it a repeated value need not be added again."""
    moves: int = 0
    """Switches of that day,"""
    moves_before: int = 0
    """and of the day before: the same time that the distinct counts cover."""
    last_ts: float = 0.0
    last_address: int = 0
    last_network: int = 0
    last_operator: int = 0
    last_country: int = 0
    last_agent: int = 0
    last_stack: int = 0
    stays: StayWindow = field(default_factory=StayWindow)

    def observe(self, call: ApiCall) -> None:
        """Count one call; without an address only its software."""
        ts = call.ts
        day = int(ts // DAY_S)
        if day > self.day:
            self._begin(day)
        if call.ua is not None:
            agent = hash64(call.ua)
            if agent != self.last_agent:
                self.last_agent = agent
                self.agents.add(ts, agent)
        if call.ja4 is not None:
            stack = hash64(call.ja4)
            if stack != self.last_stack:
                self.last_stack = stack
                self.stacks.add(ts, stack)
        if call.ip is not None:
            self._locate(call, call.ip, ts)

    def _begin(self, day: int) -> None:
        self.moves_before = self.moves if day == self.day + 1 else 0
        self.moves = 0
        self.day = day
        self.last_address = self.last_operator = self.last_agent = self.last_stack = 0

    def _locate(self, call: ApiCall, ip: str, ts: float) -> None:
        if self.seen >= MEMORY:
            self._halve()
        self.seen += 1
        address = hash64(ip)
        if address != self.last_address:
            self.last_address = address
            self.addresses.add(ts, address)
            self._move(call, ip, ts)
        self.last_ts = ts
        operator = self.last_operator
        self.stays.observe(ts, self.last_network, operator)
        if operator in self.leaders:
            self.leaders[operator] += 1
        else:
            self._lead(operator)
        if call.ip_asn is not None or call.ip_provider is not None:
            self.named += 1
        kind = call.ip_kind
        if kind is not None:
            if kind is AddressKind.HOSTING:
                self.hosting += 1
            elif kind is AddressKind.VPN:
                self.vpn += 1
            elif kind is AddressKind.PROXY:
                self.proxy += 1

    def _move(self, call: ApiCall, ip: str, ts: float) -> None:
        """The call comes from another address than the one before, or is the first of the day."""
        network, block = place_of(ip)
        if network != self.last_network:
            self.last_network = network
            self.switches += 1
            self.moves += 1
            self.last_operator = 0
        if not self.last_operator:  # the network is another one, or the first of the day
            self.networks.add(ts, network)
            self.blocks.add(ts, block)
            self.last_operator = operator_of(call, block)
            self.operators.add(ts, self.last_operator)
        if call.ip_country is not None:
            self._visit(hash64(call.ip_country), ts)

    def _visit(self, country: int, ts: float) -> None:
        self.countries.add(ts, country)
        if country != self.last_country:
            if self.last_country and abs(ts - self.last_ts) < JUMP_S:
                self.jumps += 1
            self.last_country = country

    def _lead(self, operator: int) -> None:
        """Count an operator that is not among the leaders."""
        leaders = self.leaders
        if len(leaders) < LEADERS:
            leaders[operator] = 1
        else:
            rarest = min(leaders, key=leaders.__getitem__)
            leaders[operator] = leaders.pop(rarest) + 1

    def _halve(self) -> None:
        self.seen >>= 1
        self.switches >>= 1
        self.jumps >>= 1
        self.named >>= 1
        self.proxy >>= 1
        self.vpn >>= 1
        self.hosting >>= 1
        self.leaders = {operator: count >> 1 for operator, count in self.leaders.items() if count > 1}

    def share(self, count: int) -> float:
        """One of the counts, as a share of the last calls with an address; 0 to 1."""
        return min(1.0, count / self.seen) if self.seen else 0.0

    def switching(self) -> float:
        """Share of calls that come from another network than the call before, 0 to 1."""
        return self.share(self.switches)

    def leading(self) -> float:
        """Share of calls from the commonest operator, 0 to 1; too low rather than too high where there are many."""
        if not self.leaders:
            return 0.0
        counts = self.leaders.values()
        return self.share(max(counts) - (min(counts) if len(counts) == LEADERS else 0))

    def programs(self, user_agents: float, now_s: float) -> float:
        """Of so many user agents, or of the TLS fingerprints, the fewer; 0 where the calls name neither."""
        counts = (user_agents, self.stacks.count(now_s))
        return min((count for count in counts if count), default=0.0)

    def moved(self, now_s: float) -> int:
        """Switches in the time that the distinct counts cover at `now_s`."""
        passed = int(now_s // DAY_S) - self.day
        return self.moves + self.moves_before if passed <= 0 else self.moves if passed == 1 else 0


class Place(NamedTuple):
    """Hashes of what holds an address."""

    network: int
    block: int


@lru_cache(maxsize=1 << 16)
def place_of(ip: str) -> Place:
    """Its network (`network_of`) and coarse block (`block_of`)."""
    return Place(hash64(network_of(ip)), hash64(block_of(ip)))


def operator_of(call: ApiCall, block: int) -> int:
    """Provider, else AS, else block: a 32-bit hash is enough for the few that a client has, and short where it is stored."""
    if call.ip_provider is not None:
        return hash64(call.ip_provider) & _MASK32
    return (block if call.ip_asn is None else _system(call.ip_asn)) & _MASK32


@lru_cache(maxsize=1 << 16)
def _system(asn: int) -> int:
    return hash64(f"AS{asn}")
