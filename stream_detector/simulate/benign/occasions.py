"""Occasions on which many questions come at once, or odd ones: lessons, studies, tests, new models."""

import math
from collections.abc import Iterator
from random import Random

from stream_detector.domain.calls import Params
from stream_detector.simulate import occasions, prompts
from stream_detector.simulate.arrivals import DAY_S, HOUR_S, OFFICE, Pool, Sessions, sessions
from stream_detector.simulate.benign.load import program, servers, with_volume
from stream_detector.simulate.benign.people import person
from stream_detector.simulate.benign.seat import Seat
from stream_detector.simulate.client import Stream
from stream_detector.simulate.crowds import Desk
from stream_detector.simulate.network import BROWSERS, LIBRARIES
from stream_detector.simulate.schedules import Run, lesson, runs, working_hours

_USUALLY = 40.0
"""Calls a day of the other work behind a key that is used for a test: plain choice."""


def release_benchmarking(seat: Seat) -> tuple[Stream, ...]:
    """An established organisation that measures a new model against older ones within two days of its release."""
    rng = seat.rng
    older = rng.sample(("large-3", "medium-3", "large-2"), rng.randint(1, 2))
    params = rng.choice((None, Params(temperature=0.0), Params(temperature=0.0, max_tokens=2048)))
    answer_tokens = rng.choice((20.0, 300.0, 900.0))
    styles = tuple(
        prompts.Style(model=model, params=params, answer_tokens=answer_tokens) for model in (prompts.RELEASED, *older)
    )
    calls = math.ceil(seat.calls_per_day)
    pool = Pool(workers=rng.choice((1, 4, 8, 16)), answer_s=1.0 + answer_tokens / 90)
    begin_s = seat.released_s + rng.uniform(0.5, 36) * HOUR_S
    times = runs(rng, seat.span, [Run(start_s=begin_s, calls=calls, pool=pool)])
    questions = occasions.benchmarked(rng, styles, calls, rng.choice((1, 1, 3)))
    return (Stream(times, questions, servers(seat, 1)), _other_work(seat), person(seat, 0.5))


def research_student(seat: Seat) -> tuple[Stream, ...]:
    """A few thousand questions over some weeks: a script that is started on most working days, from a university."""
    rng = seat.rng
    params = rng.choice((None, Params(temperature=0.0), Params(temperature=0.7, max_tokens=1024)))
    own = prompts.Style(model=rng.choice(prompts.MODELS), params=params, answer_tokens=rng.uniform(150, 800))
    a_day = max(1, round(40 * math.exp(rng.uniform(0.0, 2.0)) * seat.scale))
    pool = Pool(workers=rng.choice((1, 1, 1, 4)), answer_s=2 + own.answer_tokens / 90, pause_s=rng.choice((0.0, 1.0)))
    starts = working_hours(rng, seat.span, seat.place.utc_offset_h, 0.7)
    plan = (Run(start_s=start_s, calls=math.ceil(a_day * rng.uniform(0.3, 1.7)), pool=pool) for start_s in starts)
    campus = Desk(rng, [seat.sources.addresses.home(rng, seat.place)], rng.choice(LIBRARIES))
    return (Stream(runs(rng, seat.span, plan), occasions.studied(rng, own), campus), person(seat, 0.7))


def red_team(seat: Seat) -> tuple[Stream, ...]:
    """Contracted testers who look for what a model must not do, in office hours and from one office."""
    rng, place = seat.rng, seat.place
    office = seat.sources.addresses.home(rng, place)
    boundary = occasions.Boundary(refused=rng.uniform(0.25, 0.6), filtered=rng.uniform(0.02, 0.15))
    habit = Sessions(
        per_day=rng.uniform(1, 4) * seat.scale,
        turns=rng.uniform(8, 30),
        think_s=rng.uniform(20, 60),
        weekend=0.0,
        utc_offset_h=place.utc_offset_h,
        hours=OFFICE,
    )
    streams: list[Stream] = []
    for _ in range(rng.randint(1, 6)):
        asked = occasions.attempts(rng, prompts.style(rng, answer_tokens=180.0), boundary, place.language)
        streams.append(Stream(sessions(rng, seat.span, habit), asked, Desk(rng, [office], rng.choice(BROWSERS))))
    if rng.random() < 0.5:  # noqa: PLR2004  plain choice: the collection is run again after every change
        streams.append(_suite(seat, office, boundary))
    return tuple(streams)


def _suite(seat: Seat, office: str, boundary: occasions.Boundary) -> Stream:
    rng = seat.rng
    calls = max(10, round(rng.choice((80, 200, 500)) * seat.scale))
    pool = Pool(workers=rng.choice((1, 4)), answer_s=3.0)
    starts = working_hours(rng, seat.span, seat.place.utc_offset_h, 0.5)
    plan = (Run(start_s=start_s, calls=calls, pool=pool) for start_s in starts)
    tests = occasions.suite(rng, prompts.style(rng, answer_tokens=150.0), boundary, calls)
    return Stream(runs(rng, seat.span, plan), tests, Desk(rng, [office], rng.choice(LIBRARIES)))


def classroom(seat: Seat) -> tuple[Stream, ...]:
    """Thirty pupils who type the same starter into the same hour, behind the line of their school."""
    rng = seat.rng
    own = prompts.style(rng, answer_tokens=200.0)
    lines = [seat.sources.addresses.home(rng, seat.place) for _ in range(rng.randint(1, 3))]
    share = min(1.0, rng.uniform(0.3, 1.0) * seat.scale)
    streams: list[Stream] = []
    for begin_s in working_hours(rng, seat.span, seat.place.utc_offset_h, share):
        text = occasions.starter(rng)
        for _ in range(rng.randint(18, 32)):
            times = lesson(rng, seat.span, begin_s, rng.uniform(60, 240))
            asked = occasions.pupil(rng, own, text)
            streams.append(Stream(times, asked, Desk(rng, lines, rng.choice(BROWSERS))))
    return (*streams, person(seat, 0.5))


def load_test(seat: Seat) -> tuple[Stream, ...]:
    """An hour of constant concurrency now and then, besides some other work."""
    rng = seat.rng
    calls = math.ceil(seat.calls_per_day)
    answer_s = rng.uniform(0.8, 3.0)
    pool = Pool(workers=max(1, round(calls * answer_s / HOUR_S)), answer_s=answer_s)
    plan = (Run(start_s=start_s, calls=calls, pool=pool) for start_s in _seldom(rng, seat))
    asked = occasions.load(rng, prompts.style(rng, answer_tokens=rng.choice((1.0, 60.0))))
    return (Stream(runs(rng, seat.span, plan), asked, servers(seat, rng.randint(1, 4))), _other_work(seat))


def _seldom(rng: Random, seat: Seat) -> Iterator[float]:
    time = seat.span.start_s + rng.expovariate(1 / (2 * DAY_S))
    while time < seat.span.end_s:
        yield time
        time += 2 * HOUR_S + rng.expovariate(1 / (4 * DAY_S))


def _other_work(seat: Seat) -> Stream:
    rng = seat.rng
    usual = with_volume(seat, _USUALLY * rng.lognormvariate(0.0, 1.0))
    return program(usual, prompts.app(rng, prompts.style(rng)), day_swing=0.6)
