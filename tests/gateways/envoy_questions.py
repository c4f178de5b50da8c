"""Envoy's side of the gRPC hook: its messages, and a judge with a table that tests fill."""

import asyncio
from collections.abc import Mapping

import grpc
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitRequest, RateLimitResponse
from gateways.hooks import HandClock, HandTimer, RecordingObserver

from stream_detector.adapters.memory import MemoryLimiter
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Decision, Limit
from stream_detector.domain.identity import Identity
from stream_detector.domain.verdicts import Failure
from stream_detector.hook.envoy.authorization import Authorization
from stream_detector.hook.envoy.rate_limit import RateLimit
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.judge import Doubt, Judge
from stream_detector.hook.table import DecisionTable
from stream_detector.ports import Limiter

TWO_A_MINUTE = Limit(requests=2, window_s=60.0, burst=2)


class Aborted(Exception):
    """The call was ended with a status instead of an answer."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code)
        self.code = code


class _Context:
    """The part of gRPC's context that is used."""

    async def abort(self, code: grpc.StatusCode, _details: str) -> None:
        raise Aborted(code)


class EnvoyBench:
    """Both services on one judge."""

    def __init__(
        self,
        *decisions: Decision,
        limiter: Limiter | None = None,
        failure: Failure = Failure.OPEN,
        unidentified: Failure = Failure.OPEN,
        is_fresh: bool = True,
        identity: Identity = Identity(),  # noqa: B008 - immutable
    ) -> None:
        self.observer, self.clock, timer, table = RecordingObserver(), HandClock(), HandTimer(), DecisionTable()
        for each in decisions:
            table.put(each)
        freshness = Freshness(timer, stale_after_s=300.0)
        if is_fresh:
            freshness.prove()
        judge = Judge(
            table=table,
            freshness=freshness,
            limiter=limiter or MemoryLimiter(),
            clock=self.clock,
            observer=self.observer,
            doubt=Doubt(failure=failure, unidentified=unidentified, limiter_timeout_s=0.05),
        )
        self.reported: list[ApiCall] = []
        self._authorization = Authorization(
            judge=judge,
            identity=identity,
            observer=self.observer,
            client_header="X-Client-Id",
            call_header="x-request-id",
            report=self.reported.append,
            clock=self.clock,
            timer=timer,
        )
        self._rate_limit = RateLimit(
            judge=judge, identity=identity, observer=self.observer, failure=failure, timer=timer
        )

    def check(self, request: CheckRequest | str) -> CheckResponse:
        """The answer to ext_authz about a request, or about a call of a client."""
        asked = about(request) if isinstance(request, str) else request
        return asyncio.run(self._answer(asked))

    async def _answer(self, request: CheckRequest) -> CheckResponse:
        before = len(self.reported)
        response = await self._authorization.Check(request, None)
        assert len(self.reported) == before, "the answer waited for the report"
        return response

    def limit(self, request: RateLimitRequest) -> RateLimitResponse:
        """The answer to the rate limit filter."""
        return asyncio.run(self._rate_limit.ShouldRateLimit(request, _Context()))


def about(client: str, extensions: Mapping[str, str] | None = None, **headers: str) -> CheckRequest:
    """What ext_authz asks about a call of a client."""
    request = CheckRequest()
    fields = request.attributes.request.http.headers
    fields["x-client-id"] = client
    for name, value in headers.items():
        fields[name.replace("_", "-")] = value
    request.attributes.context_extensions.update(extensions or {})
    return request


def descriptors(*given: RateLimitDescriptor, hits: int = 0) -> RateLimitRequest:
    """What the rate limit filter asks."""
    return RateLimitRequest(domain="stream_detector", descriptors=given, hits_addend=hits)


def descriptor(hits: int | None = None, **entries: str) -> RateLimitDescriptor:
    """One descriptor."""
    made = RateLimitDescriptor(
        entries=[RateLimitDescriptor.Entry(key=key, value=value) for key, value in entries.items()]
    )
    if hits is not None:
        made.hits_addend.value = hits
    return made
