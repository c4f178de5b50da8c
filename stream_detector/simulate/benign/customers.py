"""Customers whose volume or mixture changes abruptly: new ones, movers, proxies, those who come when another fails."""

from collections.abc import Iterator
from random import Random

import msgspec

from stream_detector.simulate import occasions, products, prompts
from stream_detector.simulate.arrivals import DAY_S, HOUR_S, Bursts, bursts
from stream_detector.simulate.benign.load import program, servers, with_volume, within
from stream_detector.simulate.benign.people import person
from stream_detector.simulate.benign.seat import Seat
from stream_detector.simulate.client import Stream
from stream_detector.simulate.crowds import Desk
from stream_detector.simulate.grammar import english
from stream_detector.simulate.network import BROWSERS, country
from stream_detector.simulate.outcome import Request
from stream_detector.simulate.schedules import cut_over, doubling, metronome, outages, thinned


def migration(seat: Seat) -> tuple[Stream, ...]:
    """A large customer that tries the service with a little traffic and moves everything over within days."""
    rng = seat.rng
    begin_s = seat.span.start_s + rng.expovariate(1 / (0.5 * DAY_S))
    share = cut_over(rng, begin_s, rng.uniform(0.5, 6) * DAY_S)
    moved: list[Stream] = []
    parts = [rng.expovariate(1.0) for _ in range(rng.randint(1, 3))]
    for part in parts:
        mine = msgspec.structs.replace(seat, calls_per_day=seat.calls_per_day * part / sum(parts))
        requests = seat.sources.sized(rng, prompts.app(rng, prompts.style(rng)))
        stream = program(mine, requests, day_swing=rng.uniform(0.2, 0.9))
        moved.append(msgspec.structs.replace(stream, times=thinned(rng, stream.times, share)))
    return (*moved, person(seat, 1.0))


def new_startup(seat: Seat) -> tuple[Stream, ...]:
    """A young company with one template on cloud servers, which doubles every few days; its founders try things out."""
    rng = seat.rng
    requests = rng.choice((prompts.app, products.talks, products.watching))(rng, prompts.style(rng))
    stream = program(seat, requests, day_swing=rng.uniform(0.3, 0.9), machines=rng.randint(1, 3))
    share = doubling(seat.span.start_s, rng.uniform(0.7, 2.5) * DAY_S, rng.uniform(0.02, 0.2))
    grown = msgspec.structs.replace(stream, times=thinned(rng, stream.times, share))
    return (grown, *(person(seat, rng.uniform(0.5, 2)) for _ in range(rng.randint(1, 2))))


def gateway_proxy(seat: Seat) -> tuple[Stream, ...]:
    """One key for everybody in a company, or for all tenants of a platform, behind one or few addresses."""
    rng = seat.rng
    egress = [seat.sources.addresses.server(rng) for _ in range(rng.choice((1, 1, 2, 4)))]
    tenants = rng.randint(40, 200)
    typing = int(tenants * rng.uniform(0.3, 0.8))
    is_named = rng.random() < 0.5  # noqa: PLR2004  plain choice: whether the gateway tells its tenants apart
    parts = [rng.paretovariate(1.0) for _ in range(tenants - typing)]
    streams = [person(_anywhere(seat), rng.uniform(0.05, 0.6)) for _ in range(typing)]
    for part in parts:
        tool = with_volume(seat, seat.calls_per_day / seat.scale * part / sum(parts))
        streams.append(program(tool, _tool(tool), day_swing=rng.uniform(0.1, 0.9)))
    return tuple(
        Stream(
            times=stream.times,
            requests=_named(stream.requests, f"t{number}") if is_named else stream.requests,
            origins=Desk(rng, egress, rng.choice(BROWSERS) if number < typing else _tool_agent(rng)),
        )
        for number, stream in enumerate(streams)
    )


def _anywhere(seat: Seat) -> Seat:
    """An employee who speaks any of the languages."""
    return msgspec.structs.replace(seat, place=country(seat.rng))


def _tool(seat: Seat) -> Iterator[Request]:
    rng, own = seat.rng, prompts.style(seat.rng)
    name = rng.choice(("app", "app", "app", "harness", "review", "backfill", "translated", "watching", "audited"))
    if name == "harness":
        return prompts.harness(rng, own, rng.choice(("tool_loop", "code_agent", "context_answer")))
    if name == "translated":
        return products.translated(rng, own, seat.place.language)
    plain = {
        "app": prompts.app,
        "review": prompts.review,
        "backfill": prompts.backfill,
        "watching": products.watching,
        "audited": products.audited,
    }
    return plain[name](rng, own)


def _tool_agent(rng: Random) -> str:
    """What tools call themselves: libraries in all versions, and names of their own."""
    name = rng.choice(
        ("OpenAI/Python 1", "OpenAI/JS 4", "Anthropic/Python 0", "node-fetch/3", english().line(rng, "name"))
    )
    return f"{name}.{rng.randint(1, 90)}.{rng.randint(0, 2)}"


def _named(requests: Iterator[Request], user: str) -> Iterator[Request]:
    return (msgspec.structs.replace(request, user=user) for request in requests)


def fallback_router(seat: Seat) -> tuple[Stream, ...]:
    """A customer of another provider: a sign of life now and then, and everything at once while that one fails."""
    rng = seat.rng
    own = prompts.style(rng)
    machines = servers(seat, rng.randint(1, 8))
    beats = metronome(rng, seat.span, rng.choice((600.0, 1800.0, 3600.0)) / min(1.0, seat.scale), 5.0)
    streams = [Stream(beats, occasions.probes(rng, own), machines)]
    requests = prompts.app(rng, own)
    load = Bursts(calls_per_day=seat.calls_per_day, gap_cv=rng.uniform(0.9, 2.5))
    failing = outages(rng, seat.span, rng.uniform(2, 5) * DAY_S, 0.75 * HOUR_S)
    streams += [Stream(bursts(rng, span, load), requests, machines) for span in failing]
    return tuple(streams)


def release_adopter(seat: Seat) -> tuple[Stream, ...]:
    """A product that moves all of its traffic to a new model within a day or so of its release."""
    rng = seat.rng
    own = prompts.style(rng)
    requests = seat.sources.sized(rng, prompts.app(rng, own))
    switch_s = seat.released_s + rng.expovariate(1 / (0.5 * DAY_S))
    swing, machines = rng.uniform(0.2, 0.9), servers(seat, rng.randint(1, 8))
    before = within(seat, seat.span.start_s, switch_s)
    after = within(seat, switch_s, seat.span.end_s)
    moved = (msgspec.structs.replace(request, model=prompts.RELEASED) for request in requests)
    state = rng.getstate()
    first = program(before, requests, day_swing=swing, origins=machines)
    rng.setstate(state)  # the same product goes on, with the same habits
    return (first, program(after, moved, day_swing=swing, origins=machines))
