"""Programs that many customers run: products, pipelines and nightly jobs."""

import math
from collections.abc import Iterator
from random import Random

from stream_detector.simulate import products, prompts
from stream_detector.simulate.arrivals import DAY_S, HOUR_S, Nightly, Pool, Span, nightly, pool_for, pooled
from stream_detector.simulate.benign.load import program, servers
from stream_detector.simulate.benign.seat import Seat
from stream_detector.simulate.client import Stream
from stream_detector.simulate.outcome import Request

_LARGEST_EVALUATION = 5_000
_ENDLESS = 0.35
"""Share of queues that never run empty: plain choice."""


def production_app(seat: Seat) -> tuple[Stream, ...]:
    """A product with one fixed system prompt, on fixed servers, which follows the day of its users."""
    requests = seat.sources.sized(seat.rng, prompts.app(seat.rng, prompts.style(seat.rng)))
    return (program(seat, requests, day_swing=seat.rng.uniform(0.2, 0.9)),)


def harness_app(seat: Seat) -> tuple[Stream, ...]:
    """A product whose prompt begins with the header of a public framework, as do those of others."""
    name = seat.rng.choice(("tool_loop", "tool_loop", "code_agent", "context_answer"))
    style = prompts.style(seat.rng, answer_tokens=150.0, tool_share=0.0 if name == "context_answer" else 0.7)
    requests = seat.sources.sized(seat.rng, prompts.harness(seat.rng, style, name))
    return (program(seat, requests, day_swing=0.5),)


def classifier(seat: Seat) -> tuple[Stream, ...]:
    """A product that reads one-token labels from `logprobs` under a fixed `logit_bias`."""
    model = seat.rng.choice(prompts.MODELS)
    return (program(seat, prompts.classification(seat.rng, model), day_swing=seat.rng.uniform(0.0, 0.6)),)


def review_agent(seat: Seat) -> tuple[Stream, ...]:
    """Continuous integration that has every change reviewed: bursts in working hours, from changing runners."""
    rng = seat.rng
    requests = prompts.review(rng, prompts.style(rng, answer_tokens=400.0))
    return (program(seat, requests, day_swing=0.9, weekend=0.15, machines=rng.randint(6, 20)),)


def rag_backfill(seat: Seat) -> tuple[Stream, ...]:
    """An index that is filled in long runs: every document once, as fast as it goes."""
    requests = prompts.backfill(seat.rng, prompts.style(seat.rng, answer_tokens=120.0))
    return (program(seat, requests, day_swing=0.0),)


def nightly_evaluation(seat: Seat) -> tuple[Stream, ...]:
    """A job that asks the same questions again every night."""
    rng = seat.rng
    size = min(_LARGEST_EVALUATION, max(5, int(seat.calls_per_day)))
    pool = Pool(workers=rng.choice((1, 2, 4, 8, 16)), answer_s=rng.uniform(1.0, 6.0))
    job = Nightly(calls=size, pool=pool, hour=rng.choice((0, 1, 2, 2, 3, 4)), utc_offset_h=seat.place.utc_offset_h)
    requests = prompts.evaluation(rng, prompts.style(rng), size)
    return (Stream(nightly(rng, seat.span, job), requests, servers(seat, rng.randint(1, 3))),)


def queue_worker(seat: Seat) -> tuple[Stream, ...]:
    """One or a few loops that work a queue off, one item after the other: for some hours at a time, or for ever."""
    rng = seat.rng
    own = prompts.style(rng)
    requests = seat.sources.sized(rng, _items(rng, own))
    pool = pool_for(max(1.0, seat.calls_per_day), 1.0 + own.answer_tokens / 90, rng.choice((0.05, 0.2, 0.6)))
    times = pooled(rng, seat.span, pool) if rng.random() < _ENDLESS else _by_backlog(rng, seat.span, pool)
    return (Stream(times, requests, servers(seat, rng.choice((1, 1, 1, 2)))),)


def _items(rng: Random, own: prompts.Style) -> Iterator[Request]:
    """What is in a queue: documents, messages, tickets; the same instruction for each."""
    asked = rng.choice((prompts.app, prompts.app, prompts.backfill, products.watching, prompts.review))
    return asked(rng, own)


def _by_backlog(rng: Random, span: Span, pool: Pool) -> Iterator[float]:
    """Work for some hours, at any time of day; then the queue is empty for as long."""
    mean_h = rng.uniform(2.0, 16.0)
    start_s = span.start_s + rng.random() * mean_h * HOUR_S
    while start_s < span.end_s:
        end_s = min(span.end_s, start_s + mean_h * HOUR_S * math.exp(rng.gauss(0.0, 0.7)))
        yield from pooled(rng, Span(start_s, end_s), pool)
        start_s = end_s + min(3 * DAY_S, rng.expovariate(1 / (mean_h * HOUR_S)))
