"""One client: who it is, and its streams of calls merged in time order, with the retries of its software."""

import heapq
from collections.abc import Callable, Iterator
from operator import attrgetter
from random import Random

from msgspec import Struct, field

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.network import Origin, Origins
from stream_detector.simulate.outcome import Content, Failures, Identity, Request, Sent, answered

RETRIED = frozenset({429, 500, 503, 529})


class Label(Struct, frozen=True):
    """The truth about a client."""

    campaign: str | None
    """Id of the campaign that the client belongs to; None for an honest one."""
    kind: str = field(name="class")
    """Class of an honest client, family of a campaign."""


class Stream(Struct, frozen=True):
    """One source of calls of a client: a person, a program, a pool of workers."""

    times: Iterator[float]
    requests: Iterator[Request]
    origins: Origins


class Client(Struct, frozen=True, kw_only=True):
    """A client, ready to ask once: its streams are iterators."""

    identity: Identity
    label: Label
    streams: tuple[Stream, ...]
    failures: Failures
    rng: Random


class _Due(Struct, frozen=True):
    ts: float
    request: Request
    origin: Origin
    attempt: int = 0


def calls_of(client: Client, end_s: float, content_of: Callable[[str], Content]) -> Iterator[ApiCall]:
    """All calls of a client in time order. A failed call is sent again after its wait; the retry may fail as well."""
    desk = _Desk(client, content_of)
    for fresh in heapq.merge(*map(_due, client.streams), key=attrgetter("ts")):
        yield from desk.retried_before(fresh.ts)
        yield desk.send(fresh)
    yield from desk.retried_before(end_s)


def _due(stream: Stream) -> Iterator[_Due]:
    for ts, request in zip(stream.times, stream.requests, strict=False):
        yield _Due(ts, request, stream.origins.at(ts))


class _Desk:
    """Sends one client's requests, numbers them, and remembers which to send again."""

    def __init__(self, client: Client, content_of: Callable[[str], Content]) -> None:
        self._client = client
        self._content_of = content_of
        self._waiting: list[tuple[float, int, _Due]] = []
        self._count = 0

    def retried_before(self, ts: float) -> Iterator[ApiCall]:
        while self._waiting and self._waiting[0][0] < ts:
            yield self.send(heapq.heappop(self._waiting)[2])

    def send(self, due: _Due) -> ApiCall:
        client, failures = self._client, self._client.failures
        self._count += 1
        sent = Sent(id=f"{client.identity.client}.{self._count}", ts=due.ts, request=due.request, origin=due.origin)
        call = answered(client.identity, sent, self._content_of(due.request.text), failures, client.rng)
        if call.status in RETRIED and due.attempt < failures.retries:
            wait_s = (call.latency_ms or 0.0) / 1000 + failures.first_retry_s * failures.growth**due.attempt
            again = _Due(due.ts + wait_s, due.request, due.origin, due.attempt + 1)
            heapq.heappush(self._waiting, (again.ts, self._count, again))
        return call
