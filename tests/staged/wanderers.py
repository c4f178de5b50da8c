"""Where the calls of one key come from, day by day: rented exits, and the honest clients that look a little like them."""

from collections.abc import Callable, Iterable, Iterator
from random import Random

from msgspec import Struct

from stream_detector.detection.examples import START_S
from stream_detector.domain.calls import ApiCall

DAY_S, HOUR_S, MINUTE_S = 86_400.0, 3600.0, 60.0


class Place(Struct, frozen=True):
    """An address and its autonomous system."""

    ip: str
    asn: int


class Sight(Struct, frozen=True):
    """What one call shows of its sender; `at_s` from the start."""

    at_s: float
    place: Place
    software: str


class World:
    """Autonomous systems of unequal size, each with a few blocks of addresses."""

    def __init__(self, rng: Random, systems: int, blocks: int = 3) -> None:
        self._rng = rng
        self._blocks = [[rng.randrange(1, 224) for _ in range(blocks)] for _ in range(systems)]
        self._weights = [1 / (rank + 1) ** 0.9 for rank in range(systems)]

    def place(self) -> Place:
        """A random subscriber's."""
        rng = self._rng
        (system,) = rng.choices(range(len(self._blocks)), self._weights)
        ip = f"{rng.choice(self._blocks[system])}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        return Place(ip, 64_500 + system)


Story = Callable[[Random], Iterator[Sight]]


def rented_exits(exits: int, calls: int, days: int = 1) -> Story:
    """One exit after the other, each for an equal part of the day, always the same software."""

    def story(rng: Random) -> Iterator[Sight]:
        world = World(rng, 400)
        for day in range(days):
            pool = [world.place() for _ in range(exits)]
            for number in range(calls):
                yield Sight(day * DAY_S + number * DAY_S / calls, pool[number * exits // calls], "one")

    return story


def people(count: int, *, programs: int, in_office: float, systems: int, calls: float = 20.0, days: int = 2) -> Story:
    """A team or a class: everybody has a home, some an office or a school, and works in sessions."""

    def story(rng: Random) -> Iterator[Sight]:
        world = World(rng, systems)
        office = world.place()
        for _ in range(count):
            home, software = world.place(), f"program {rng.randrange(programs)}"
            commutes = rng.random() < in_office
            for day in range(days):
                for at_s in _sessions(rng, calls):
                    there = commutes and 9 * HOUR_S < at_s < 18 * HOUR_S
                    yield Sight(day * DAY_S + at_s, office if there else home, software)

    return story


def _sessions(rng: Random, calls: float) -> Iterator[float]:
    left = 1 + int(rng.expovariate(1 / calls))
    while left > 0:
        size = min(left, rng.randint(1, 10))
        at_s = min(max(rng.gauss(13.0, 3.5), 0.0), 23.0) * HOUR_S
        for _ in range(size):
            yield at_s
            at_s += rng.expovariate(1 / 90.0)
        left -= size


def app(users: int, *, calls: float, systems: int, programs: int) -> Story:
    """A key inside an app: every user has an address of the day's own, and asks a few times in a minute or two."""

    def story(rng: Random) -> Iterator[Sight]:
        world = World(rng, systems, blocks=5)
        for _ in range(users):
            place, software = world.place(), f"program {rng.randrange(programs)}"
            at_s = rng.random() * DAY_S
            for _ in range(max(1, round(rng.expovariate(1 / calls)))):
                yield Sight(at_s, place, software)
                at_s += rng.expovariate(1 / MINUTE_S)

    return story


def machines(count: int, calls: int, *, one_by_one: bool) -> Story:
    """Runners in one cloud: a few that share the work, or a new one for every job."""

    def story(rng: Random) -> Iterator[Sight]:
        world = World(rng, 1, blocks=8)
        fleet = [world.place() for _ in range(count)]
        for number in range(calls):
            place = fleet[number * count // calls] if one_by_one else rng.choice(fleet)
            yield Sight(number * DAY_S / calls, place, "one")

    return story


def tunnel(exits: int, calls: int, systems: int) -> Story:
    """A person behind the exits of a VPN, who changes them through the day."""

    def story(rng: Random) -> Iterator[Sight]:
        world = World(rng, systems)
        pool = [world.place() for _ in range(exits)]
        for number in range(calls):
            yield Sight(number * DAY_S / calls, pool[number * exits // calls], "one")

    return story


def journey(stops: int, calls: int) -> Story:
    """A traveller: home, airports, hotels, the office abroad, and the telephone in between."""

    def story(rng: Random) -> Iterator[Sight]:
        world = World(rng, 400)
        stations, phone = [world.place() for _ in range(stops)], world.place()
        for number in range(calls):
            place = phone if rng.random() < 0.3 else stations[number * stops // calls]
            yield Sight(number * 2 * DAY_S / calls, place, "one")

    return story


def gateway(calls: int) -> Story:
    """Everybody behind one address."""

    def story(rng: Random) -> Iterator[Sight]:
        place = World(rng, 1).place()
        for number in range(calls):
            yield Sight(number * DAY_S / calls, place, f"program {rng.randrange(30)}")

    return story


def calls_of(sights: Iterable[Sight], *, systems_known: bool) -> Iterator[ApiCall]:
    """The calls in the order of time, as a gateway reports them."""
    for number, sight in enumerate(sorted(sights, key=lambda sight: sight.at_s)):
        yield ApiCall(
            id=f"call-{number}",
            ts=START_S + sight.at_s,
            client="example",
            ip=sight.place.ip,
            ip_asn=sight.place.asn if systems_known else None,
            ua=sight.software if systems_known else None,
            ja4=sight.software if systems_known else None,
        )
