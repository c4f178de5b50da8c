"""Honest people who type: alone, and several behind one key."""

from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import Sessions, sessions
from stream_detector.simulate.benign.seat import Seat
from stream_detector.simulate.client import Stream
from stream_detector.simulate.network import BROWSERS, LIBRARIES, Person, home_address


def interactive(seat: Seat) -> tuple[Stream, ...]:
    """A person who chats."""
    return (person(seat, sessions_per_day=min(12.0, seat.rng.lognormvariate(0.0, 0.8))),)


def person(seat: Seat, sessions_per_day: float, office: str | None = None) -> Stream:
    """One person with a browser or a tool of their own."""
    rng, place = seat.rng, seat.place
    habit = Sessions(
        per_day=sessions_per_day * seat.scale,
        turns=rng.uniform(3, 9),
        think_s=rng.uniform(30, 120),
        utc_offset_h=place.utc_offset_h,
    )
    agent = rng.choice(BROWSERS if rng.random() < 0.8 else LIBRARIES)  # noqa: PLR2004  plain choice
    language = place.language if rng.random() < 0.8 else "english"  # noqa: PLR2004  plain choice
    requests = seat.sources.questions(rng, prompts.style(rng, answer_tokens=180.0), language)
    return Stream(sessions(rng, seat.span, habit), requests, Person(rng, place, agent, office))


def team_key(seat: Seat) -> tuple[Stream, ...]:
    """Colleagues who share one key, from the office and from home: 10 to 40 addresses."""
    rng = seat.rng
    office = home_address(rng, seat.place)
    people = rng.randint(9, 39)
    return tuple(person(seat, rng.uniform(0.3, 2.0), rng.choice((None, office))) for _ in range(people))
