"""One process that answers Envoy: guard and gRPC server on one event loop.

Run it on uvloop. It begins to listen when its table was read, so that a process that has just started leaves the questions to
the others; or after a moment without the store, and then the failure setting answers. `grpc.health.v1` says `SERVING` when the
table was read, as `/readyz` does.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from grpc_health.v1.health import aio as health_service
from grpc_health.v1.health_pb2 import HealthCheckResponse
from msgspec import Struct

from stream_detector.domain.identity import Identity
from stream_detector.domain.verdicts import Failure
from stream_detector.hook.envoy.authorization import Authorization
from stream_detector.hook.envoy.orders import Orders
from stream_detector.hook.envoy.quota import Quota
from stream_detector.hook.envoy.rate_limit import RateLimit
from stream_detector.hook.envoy.server import Services, serve
from stream_detector.hook.guard import Guard
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.seen import Report
from stream_detector.ports import Clock
from stream_detector.serving.background import beside
from stream_detector.serving.tls import Tls

_READ_WITHIN_S = 2.0
_PROBE_S = 0.01
_ALL_SERVICES = ""
"""The name under which `grpc.health.v1` tells of the process as a whole."""


class EnvoyOptions(Struct, frozen=True, kw_only=True):
    """What an operator sets; the meanings are those of the `hook_` settings."""

    address: str
    """Of `server.grpc_address`."""
    identity: Identity
    client_header: str
    call_header: str
    failure: Failure
    unidentified: Failure
    tls: Tls | None = None
    """None for plain text."""
    stop_within_s: float = 5.0


class EnvoyHook:
    """Answers Envoy until told to stop.

    Args:
        guard: decides; followed while the process runs.
        clock: event time.
        observer: hears of every answer.
        options: what the operator sets.
        report: takes every call that `ext_authz` asked about; None for nobody.
        timer: seconds that never go back; measures the time of an answer.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        clock: Clock,
        observer: HookObserver,
        options: EnvoyOptions,
        report: Report | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._guard = guard
        self._options = options
        self._services = Services(
            authorization=Authorization(
                judge=guard.judge,
                observer=observer,
                identity=options.identity,
                client_header=options.client_header,
                call_header=options.call_header,
                report=report,
                clock=clock,
                timer=timer,
            ),
            rate_limit=RateLimit(
                judge=guard.judge,
                identity=options.identity,
                observer=observer,
                failure=options.failure,
                timer=timer,
            ),
            quota=Quota(
                orders=Orders(
                    table=guard.table,
                    freshness=guard.freshness,
                    clock=clock,
                    failure=options.failure,
                    unidentified=options.unidentified,
                ),
                changes=guard.changes,
                identity=options.identity,
                timer=timer,
            ),
            health=health_service.HealthServicer(),
        )

    async def run(self, stop: asyncio.Event, on_listening: Callable[[], None] = lambda: None) -> None:
        """Answer questions until `stop` is set; then finish the open ones.

        Args:
            stop: ends the process.
            on_listening: called once, as soon as connections are accepted.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        async with beside(self._guard.follow(), self._services.quota.follow(), self._tell_health()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_READ_WITHIN_S):
                    await self._table_is_read()
            await serve(
                self._services,
                address=self._options.address,
                tls=self._options.tls,
                stop=stop,
                stop_within_s=self._options.stop_within_s,
                on_listening=on_listening,
            )

    async def _tell_health(self) -> None:
        health = self._services.health
        await health.set(_ALL_SERVICES, HealthCheckResponse.NOT_SERVING)
        await self._table_is_read()
        await health.set(_ALL_SERVICES, HealthCheckResponse.SERVING)

    async def _table_is_read(self) -> None:
        while not self._guard.freshness.ever_proven():  # noqa: ASYNC110 - it calls nobody
            await asyncio.sleep(_PROBE_S)
