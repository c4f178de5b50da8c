"""Honest people who type: alone, on the way, behind a VPN, and several behind one key."""

from collections.abc import Iterator

import msgspec

from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import DAY_S, HOUR_S, OFFICE, WAKING, Sessions, sessions
from stream_detector.simulate.benign.load import within
from stream_detector.simulate.benign.seat import Seat
from stream_detector.simulate.client import Stream
from stream_detector.simulate.crowds import Desk, Tunnel
from stream_detector.simulate.network import BROWSERS, COUNTRIES, LIBRARIES, Country, Person, country
from stream_detector.simulate.outcome import Request
from stream_detector.simulate.schedules import journeys

_FAR_H = 5.0
"""A shift that works elsewhere is at least so many time zones away."""


def interactive(seat: Seat) -> tuple[Stream, ...]:
    """A person who chats."""
    return (person(seat, sessions_per_day=_habitual(seat)),)


def person(seat: Seat, sessions_per_day: float, office: str | None = None) -> Stream:
    """One person with a browser or a tool of their own."""
    rng, place = seat.rng, seat.place
    habit = _habit(seat, sessions_per_day)
    agent = _agent(seat)
    requests = _asking(seat)
    origins = Person(rng, place, agent, office, addresses=seat.sources.addresses)
    return Stream(sessions(rng, seat.span, habit), requests, origins)


def team_key(seat: Seat) -> tuple[Stream, ...]:
    """Colleagues who share one key, from the office and from home: 10 to 40 addresses."""
    rng = seat.rng
    office = seat.sources.addresses.home(rng, seat.place)
    people = rng.randint(9, 39)
    return tuple(person(seat, rng.uniform(0.3, 2.0), rng.choice((None, office))) for _ in range(people))


def night_shift(seat: Seat) -> tuple[Stream, ...]:
    """A team in one office far from where the bill goes: some work at night for the customer's day, others by daylight."""
    rng, billed = seat.rng, seat.place
    far = [other for other in COUNTRIES if abs(other.utc_offset_h - billed.utc_offset_h) >= _FAR_H]
    away = rng.choice(far)
    clock = rng.choice((billed, away))
    office = seat.sources.addresses.home(rng, away)
    there = msgspec.structs.replace(seat, place=away)
    return tuple(_colleague(there, office, clock) for _ in range(rng.randint(5, 25)))


def _colleague(seat: Seat, office: str, clock: Country) -> Stream:
    rng = seat.rng
    habit = msgspec.structs.replace(
        _habit(seat, rng.uniform(0.5, 3.0)), utc_offset_h=clock.utc_offset_h, hours=OFFICE, weekend=0.1
    )
    return Stream(sessions(rng, seat.span, habit), _asking(seat), Desk(rng, [office], _agent(seat)))


def traveller(seat: Seat) -> tuple[Stream, ...]:
    """A person who is in another country every few days, lives by its clock and connects from its networks."""
    rng, home = seat.rng, seat.place
    requests, agent, per_day = _asking(seat), _agent(seat), _habitual(seat) + 1
    legs: list[Stream] = []
    for number, leg in enumerate(journeys(rng, seat.span, rng.uniform(2, 6) * DAY_S, rng.uniform(1, 4) * DAY_S)):
        place = country(rng) if number % 2 else home
        there = within(msgspec.structs.replace(seat, place=place), leg.start_s, leg.end_s)
        origins = Person(rng, place, agent, addresses=seat.sources.addresses)
        legs.append(Stream(sessions(rng, there.span, _habit(there, per_day)), requests, origins))
    return tuple(legs)


def vpn_user(seat: Seat) -> tuple[Stream, ...]:
    """A person who is behind a VPN all the time, or most of it; the exits are in data centres anywhere."""
    rng = seat.rng
    exits = [seat.sources.addresses.exit(rng) for _ in range(rng.randint(1, 6))]
    if rng.random() < 0.3:  # noqa: PLR2004  plain choice: forgets it at times
        exits.append(seat.sources.addresses.home(rng, seat.place))
    origins = Tunnel(rng, exits, _agent(seat), rng.uniform(2, 48) * HOUR_S)
    return (Stream(sessions(rng, seat.span, _habit(seat, _habitual(seat) + 0.5)), _asking(seat), origins),)


def _habitual(seat: Seat) -> float:
    """Sessions a day of one person."""
    return min(12.0, seat.rng.lognormvariate(0.0, 0.8))


def _habit(seat: Seat, sessions_per_day: float) -> Sessions:
    rng = seat.rng
    return Sessions(
        per_day=sessions_per_day * seat.scale,
        turns=rng.uniform(3, 9),
        think_s=rng.uniform(30, 120),
        utc_offset_h=seat.place.utc_offset_h,
        hours=WAKING,
    )


def _agent(seat: Seat) -> str:
    rng = seat.rng
    return rng.choice(BROWSERS if rng.random() < 0.8 else LIBRARIES)  # noqa: PLR2004  plain choice


def _asking(seat: Seat) -> Iterator[Request]:
    rng = seat.rng
    language = seat.place.language if rng.random() < 0.8 else "english"  # noqa: PLR2004  plain choice
    return seat.sources.questions(rng, prompts.style(rng, answer_tokens=180.0), language)
