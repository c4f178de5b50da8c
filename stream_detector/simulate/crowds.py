"""Calls that come from many places behind one key, from a shared line, or through somebody else's."""

from collections.abc import Sequence
from random import Random

from stream_detector.simulate.network import Addresses, Country, Origin, fingerprint


class Desk:
    """One kind of software behind one or a few fixed addresses: an office, a school, the exit of a gateway."""

    def __init__(self, rng: Random, addresses: Sequence[str], agent: str) -> None:
        self._rng = rng
        self._origins = tuple(Origin(address, agent, fingerprint(agent)) for address in addresses)

    def at(self, ts: float) -> Origin:  # noqa: ARG002  desks do not move
        """Any of the addresses."""
        return self._origins[int(self._rng.random() * len(self._origins))]


class Crowd:
    """Users of an application that carries the key: each with a connection at home, a few much more often than the rest."""

    def __init__(self, rng: Random, place: Country, people: int, agents: Sequence[str], addresses: Addresses) -> None:
        self._rng = rng
        self._place = place
        self._people = people
        self._agents = tuple((agent, fingerprint(agent)) for agent in agents)
        self._addresses = addresses
        self._known: dict[int, Origin] = {}

    def at(self, ts: float) -> Origin:  # noqa: ARG002  who asks does not depend on the time
        """Somebody; now and then with a new address, as telephones have."""
        draw = self._rng.random
        person = int(self._people * draw() ** 2)
        origin = self._known.get(person)
        if origin is None or draw() < 0.1:  # noqa: PLR2004  plain choice
            agent, ja4 = (
                self._agents[int(draw() ** 2 * len(self._agents))] if origin is None else (origin.ua, origin.ja4)
            )
            origin = self._known[person] = Origin(self._addresses.home(self._rng, self._place), agent, ja4)
        return origin


class Tunnel:
    """One person behind a VPN: a few favourite exits, changed from time to time."""

    def __init__(self, rng: Random, exits: Sequence[str], agent: str, sticky_s: float) -> None:
        self._rng = rng
        self._exits = tuple(exits)
        self._agent, self._ja4 = agent, fingerprint(agent)
        self._sticky_s = sticky_s
        self._until_s = 0.0
        self._ip = ""

    def at(self, ts: float) -> Origin:
        """The exit of the moment."""
        if ts >= self._until_s:
            self._until_s = ts + self._rng.expovariate(1 / self._sticky_s)
            self._ip = self._rng.choice(self._exits)
        return Origin(self._ip, self._agent, self._ja4)
