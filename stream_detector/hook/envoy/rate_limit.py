"""`envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`: what Envoy's rate limit filter asks.

1. A descriptor with the entry `client_id` is about a client; all others are OK. Nothing malformed is ever refused.
2. It is charged `hits_addend`: the descriptor's, else the request's, else 1. A client that several descriptors name is charged
   once, the greatest of them.
3. With the entry `charge` = `input_tokens` or `output_tokens` the hits are tokens that a call has used: a descriptor that Envoy
   sends because of `apply_on_stream_done`. They are counted, and the answer is OK: the call is over. An entry `call` names the
   call that they belong to. Without hits nobody counted, and what the call reserved stays used.
4. Envoy waits 20 ms by default. A client's answer has half of it; then the operator's failure setting answers.
5. Our own trouble is UNAVAILABLE where that setting is `closed`: it obeys the filter's `failure_mode_deny`.

Source: Envoy's `api/envoy/service/ratelimit/v3/rls.proto`.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitRequest, RateLimitResponse
from grpc import StatusCode
from msgspec import Struct

from stream_detector.domain.decisions import Action
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.identity import Identity
from stream_detector.domain.limits import MAX_UNITS, Ask, Use
from stream_detector.domain.verdicts import Cause, Failure, Verdict
from stream_detector.hook.envoy.statuses import response_of
from stream_detector.hook.judge import Judge
from stream_detector.hook.needs import call_id
from stream_detector.hook.observer import HookObserver

_BUDGET_S = 0.01
_MAX_DESCRIPTORS = 32
"""That are looked into; a real request has one or two. Further ones are OK."""
_OUR_TROUBLE: Final = frozenset({Cause.TABLE_STALE, Cause.LIMITER_DOWN})
_TOKENS: Final = frozenset({"input_tokens", "output_tokens"})


class _Charge(Struct, frozen=True):
    """What one descriptor says."""

    client: str
    hits: int | None
    """None where Envoy did not say."""
    tokens: str | None
    """`input_tokens` or `output_tokens` that a call has used; None for requests."""
    call: str


class RateLimit:
    """The service.

    Args:
        judge: decides.
        identity: makes a client id of the descriptor's `client_id`.
        observer: hears of every client that was asked about, and of answers that took too long.
        failure: what to answer then.
        timer: seconds that never go back, of the finest resolution.
        budget_s: for one answer.
    """

    def __init__(
        self,
        *,
        judge: Judge,
        identity: Identity,
        observer: HookObserver,
        failure: Failure,
        timer: Callable[[], float],
        budget_s: float = _BUDGET_S,
    ) -> None:
        self._judge = judge
        self._identity = identity
        self._observer = observer
        self._too_late = Verdict(Action.ALLOW if failure is Failure.OPEN else Action.BLOCK, Cause.LIMITER_DOWN)
        self._timer = timer
        self._budget_s = budget_s

    async def ShouldRateLimit(self, request: RateLimitRequest, context: Any) -> RateLimitResponse:  # noqa: ANN401, N802 - gRPC's name
        """May what the descriptors describe go on?"""
        started = self._timer()
        charges = self._charges(request)
        verdicts, _ = await asyncio.gather(self._judged(charges), self._settled(charges))
        seconds = self._timer() - started
        for verdict in verdicts.values():
            self._observer.answered(verdict, seconds)
        if any(verdict.action is Action.BLOCK and verdict.cause in _OUR_TROUBLE for verdict in verdicts.values()):
            await context.abort(StatusCode.UNAVAILABLE, "the hook cannot know; check that it reaches Redis")
        return response_of([None if charge is None or charge.tokens else verdicts[charge.client] for charge in charges])

    def _charges(self, request: RateLimitRequest) -> list[_Charge | None]:
        """One per descriptor, in their order; None for one that is about no client."""
        looked_into = [
            _charge(each, request.hits_addend, self._identity) for each in request.descriptors[:_MAX_DESCRIPTORS]
        ]
        return looked_into + [None] * (len(request.descriptors) - len(looked_into))

    async def _judged(self, charges: Iterable[_Charge | None]) -> dict[str, Verdict]:
        greatest: dict[str, _Charge] = {}
        for charge in charges:
            if charge is not None and charge.tokens is None:
                earlier = greatest.get(charge.client, charge)
                greatest[charge.client] = max(earlier, charge, key=_requests)
        verdicts = await asyncio.gather(
            *(self._verdict(client, Ask(_requests(charge), charge.call)) for client, charge in greatest.items())
        )
        return dict(zip(greatest, verdicts, strict=True))

    async def _verdict(self, client: str, ask: Ask) -> Verdict:
        try:
            async with asyncio.timeout(self._budget_s):
                return await self._judge.check(client, lambda: ask)
        except TimeoutError:
            self._observer.limiter_failed()
            return self._too_late

    async def _settled(self, charges: Iterable[_Charge | None]) -> None:
        used: dict[tuple[str, str], dict[str, int | None]] = {}
        for charge in charges:
            if charge is not None and charge.tokens:
                used.setdefault((charge.client, charge.call), {})[charge.tokens] = charge.hits
        await asyncio.gather(*(self._settle(client, Use(call, **tokens)) for (client, call), tokens in used.items()))

    async def _settle(self, client: str, use: Use) -> None:
        try:
            async with asyncio.timeout(self._budget_s):
                await self._judge.settle(client, use)
        except (StoreUnavailable, TimeoutError):
            self._observer.limiter_failed()


def _charge(descriptor: RateLimitDescriptor, default_hits: int, identity: Identity) -> _Charge | None:
    entries = {entry.key: entry.value for entry in descriptor.entries}
    client = identity.of(entries.get("client_id"))
    if client is None:
        return None
    hits = descriptor.hits_addend.value if descriptor.HasField("hits_addend") else default_hits or None
    unit = entries.get("charge")
    return _Charge(
        client=client,
        hits=None if hits is None else min(hits, MAX_UNITS),
        tokens=unit if unit in _TOKENS else None,
        call=call_id(entries.get("call", "")),
    )


def _requests(charge: _Charge) -> int:
    return 1 if charge.hits is None else charge.hits
