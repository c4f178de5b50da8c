"""Classes of honest clients: what each does, and how many of them there are.

That people make half of the clients is a plain choice, as are the shares of the classes. The classes that look like a
campaign are meant to: nobody should be throttled for them.
"""

import math
from bisect import bisect
from collections.abc import Callable, Iterator
from random import Random

from msgspec import Struct

from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import Bursts, Gaps, Nightly, Pool, Sessions, Span, bursts, nightly, sessions
from stream_detector.simulate.client import Stream
from stream_detector.simulate.network import BROWSERS, LIBRARIES, Country, Person, Servers, home_address
from stream_detector.simulate.outcome import Request

CV_MEDIAN, CV_SPREAD = 2.43, 1.05
"""Of the coefficient of variation of the gaps within 10 minutes, over clients (ServeGen)."""
CONSTANT_CLIENTS = 0.22
"""Share of clients in which one prompt length makes a fifth of the calls (ServeGen)."""
_RANKS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_ACTIVE = (0.0015, 0.0015, 0.0035, 0.009, 0.023, 0.063, 0.17, 0.41, 0.72, 0.92, 0.958, 1.0)
"""Rank of a client -> share of its 10-minute windows with calls (ServeGen)."""
_LARGEST_EVALUATION = 5_000


class Sources(Struct, frozen=True):
    """Where programs take their times from, and people their questions."""

    program_times: Callable[[Random, Span, Bursts], Iterator[float]] = bursts
    questions: Callable[[Random, prompts.Style, str], Iterator[Request]] = prompts.chat


class Seat(Struct, frozen=True, kw_only=True):
    """What a new client gets before its class is asked."""

    rng: Random
    span: Span
    place: Country
    sources: Sources
    calls_per_day: float
    """Long-run mean that a program should reach; people have their own habits, times `scale`."""
    scale: float


class Kind(Struct, frozen=True):
    """A class of honest clients."""

    name: str
    share: float
    """Of all clients."""
    tiers: tuple[int, int, int]
    """Weights of free, pro and enterprise."""
    streams: Callable[[Seat], tuple[Stream, ...]]
    is_program: bool = True


def interactive(seat: Seat) -> tuple[Stream, ...]:
    """A person who chats."""
    return (_person(seat, sessions_per_day=min(12.0, seat.rng.lognormvariate(0.0, 0.8))),)


def _person(seat: Seat, sessions_per_day: float, office: str | None = None) -> Stream:
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
    return tuple(_person(seat, rng.uniform(0.3, 2.0), rng.choice((None, office))) for _ in range(people))


def production_app(seat: Seat) -> tuple[Stream, ...]:
    """A product with one fixed system prompt, on fixed servers, which follows the day of its users."""
    return (_program(seat, prompts.app(seat.rng, prompts.style(seat.rng)), day_swing=seat.rng.uniform(0.2, 0.9)),)


def harness_app(seat: Seat) -> tuple[Stream, ...]:
    """A product whose prompt begins with the header of a public framework, as do those of others."""
    name = seat.rng.choice(("tool_loop", "tool_loop", "code_agent", "context_answer"))
    style = prompts.style(seat.rng, answer_tokens=150.0, tool_share=0.0 if name == "context_answer" else 0.7)
    requests = prompts.harness(seat.rng, style, name)
    return (_program(seat, requests, day_swing=0.5),)


def classifier(seat: Seat) -> tuple[Stream, ...]:
    """A product that reads one-token labels from `logprobs` under a fixed `logit_bias`."""
    model = seat.rng.choice(prompts.MODELS)
    return (_program(seat, prompts.classification(seat.rng, model), day_swing=seat.rng.uniform(0.0, 0.6)),)


def review_agent(seat: Seat) -> tuple[Stream, ...]:
    """Continuous integration that has every change reviewed: bursts in working hours, from changing runners."""
    rng = seat.rng
    requests = prompts.review(rng, prompts.style(rng, answer_tokens=400.0))
    return (_program(seat, requests, day_swing=0.9, weekend=0.15, machines=rng.randint(6, 20)),)


def rag_backfill(seat: Seat) -> tuple[Stream, ...]:
    """An index that is filled in long runs: every document once, as fast as it goes."""
    requests = prompts.backfill(seat.rng, prompts.style(seat.rng, answer_tokens=120.0))
    return (_program(seat, requests, day_swing=0.0),)


def nightly_evaluation(seat: Seat) -> tuple[Stream, ...]:
    """A job that asks the same questions again every night."""
    rng = seat.rng
    size = min(_LARGEST_EVALUATION, max(5, int(seat.calls_per_day)))
    pool = Pool(workers=rng.choice((1, 2, 4, 8, 16)), answer_s=rng.uniform(1.0, 6.0))
    job = Nightly(calls=size, pool=pool, hour=rng.choice((0, 1, 2, 2, 3, 4)), utc_offset_h=seat.place.utc_offset_h)
    requests = prompts.evaluation(rng, prompts.style(rng), size)
    return (Stream(nightly(rng, seat.span, job), requests, Servers(rng, rng.randint(1, 3), rng.choice(LIBRARIES))),)


def _program(
    seat: Seat, requests: Iterator[Request], *, day_swing: float, weekend: float = 0.8, machines: int | None = None
) -> Stream:
    rng = seat.rng
    load = Bursts(
        calls_per_day=seat.calls_per_day,
        gap_cv=min(20.0, max(0.5, CV_MEDIAN * math.exp(rng.gauss(0.0, CV_SPREAD)))),
        gaps=Gaps.GAMMA if rng.random() < 0.79 else Gaps.WEIBULL,  # noqa: PLR2004  ServeGen
        active_share=_active_share(rng.random()),
        spell_s=4800.0 * math.exp(rng.gauss(0.0, 1.0)),
        day_spread=rng.uniform(0.2, 1.4),
        day_swing=day_swing,
        weekend=weekend,
        utc_offset_h=seat.place.utc_offset_h,
    )
    if rng.random() < CONSTANT_CLIENTS:
        requests = prompts.with_constant(rng, requests, rng.uniform(0.2, 0.6))
    origins = Servers(rng, machines or rng.randint(1, 8), rng.choice(LIBRARIES))
    return Stream(seat.sources.program_times(rng, seat.span, load), requests, origins)


def _active_share(rank: float) -> float:
    index = bisect(_RANKS, rank) - 1
    low, high = _RANKS[index], _RANKS[index + 1]
    share = _ACTIVE[index] + (_ACTIVE[index + 1] - _ACTIVE[index]) * (rank - low) / (high - low)
    return 1.0 if share > 0.95 else share  # noqa: PLR2004  ServeGen counts such a client as always active


KINDS = (
    Kind("interactive", 0.48, (60, 38, 2), interactive, is_program=False),
    Kind("production_app", 0.22, (5, 55, 40), production_app),
    Kind("harness_app", 0.10, (15, 65, 20), harness_app),
    Kind("nightly_evaluation", 0.05, (5, 60, 35), nightly_evaluation),
    Kind("rag_backfill", 0.04, (2, 50, 48), rag_backfill),
    Kind("review_agent", 0.04, (2, 58, 40), review_agent),
    Kind("team_key", 0.04, (0, 50, 50), team_key, is_program=False),
    Kind("classifier", 0.03, (2, 58, 40), classifier),
)
