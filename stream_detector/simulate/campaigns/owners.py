"""The honest owner of a key that a campaign uses as well: a person, colleagues or an app, with times and origins of its own."""

import math
from collections.abc import Iterator
from random import Random

from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import Bursts, Gaps, Sessions, Span, bursts, sessions
from stream_detector.simulate.benign import Sources
from stream_detector.simulate.client import Stream
from stream_detector.simulate.network import BROWSERS, LIBRARIES, Country, Person, Servers
from stream_detector.simulate.outcome import Request

_LARGEST_PERSON, _LARGEST_TEAM = 60.0, 400.0
"""Calls a day that a person, and a team, still make by hand: plain choice."""


def owner(rng: Random, span: Span, place: Country, calls_per_day: float, sources: Sources) -> tuple[Stream, ...]:
    """Streams of an owner who makes so many calls a day: a person cannot make thousands, nor does an app make three."""
    by_hand = rng.random() < 0.6  # noqa: PLR2004  plain choice
    if calls_per_day <= _LARGEST_PERSON / 10 or (by_hand and calls_per_day <= _LARGEST_PERSON):
        return (_person(rng, span, place, calls_per_day, sources),)
    if by_hand and calls_per_day <= _LARGEST_TEAM:
        people = math.ceil(calls_per_day / rng.uniform(15, 40))
        return tuple(_person(rng, span, place, calls_per_day / people, sources) for _ in range(people))
    return (_app(rng, span, place, calls_per_day),)


def _person(rng: Random, span: Span, place: Country, calls_per_day: float, sources: Sources) -> Stream:
    turns = rng.uniform(3, 9)
    habit = Sessions(
        per_day=calls_per_day / turns, turns=turns, think_s=rng.uniform(30, 120), utc_offset_h=place.utc_offset_h
    )
    agent = rng.choice(BROWSERS if rng.random() < 0.8 else LIBRARIES)  # noqa: PLR2004  as with honest people
    language = place.language if rng.random() < 0.8 else "english"  # noqa: PLR2004
    requests = sources.questions(rng, prompts.style(rng, answer_tokens=180.0), language)
    return Stream(sessions(rng, span, habit), requests, Person(rng, place, agent))


def _app(rng: Random, span: Span, place: Country, calls_per_day: float) -> Stream:
    load = Bursts(
        calls_per_day=calls_per_day,
        gap_cv=min(12.0, max(0.7, 2.43 * math.exp(rng.gauss(0.0, 0.8)))),
        gaps=Gaps.GAMMA if rng.random() < 0.79 else Gaps.WEIBULL,  # noqa: PLR2004  ServeGen
        active_share=rng.choice((1.0, 0.95, 0.7, 0.4)),
        spell_s=4800.0 * math.exp(rng.gauss(0.0, 0.6)),
        day_spread=rng.uniform(0.1, 0.6),
        day_swing=rng.uniform(0.0, 0.9),
        weekend=rng.uniform(0.6, 1.0),
        utc_offset_h=place.utc_offset_h,
    )
    origins = Servers(rng, rng.randint(1, 6), rng.choice(LIBRARIES))
    return Stream(bursts(rng, span, load), _work(rng), origins)


def _work(rng: Random) -> Iterator[Request]:
    """What an app asks: one system prompt of its own, or a public framework's."""
    kind = rng.choice(("app", "app", "app", "tool_loop", "context_answer", "backfill"))
    if kind == "app":
        return prompts.app(rng, prompts.style(rng))
    if kind == "backfill":
        return prompts.backfill(rng, prompts.style(rng, answer_tokens=120.0))
    return prompts.harness(rng, prompts.style(rng, answer_tokens=150.0), kind)
