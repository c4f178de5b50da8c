"""The whole hook in one process: guard and HTTP server on one event loop.

Run it on uvloop. More hooks are more processes, each with its own port and its own copy of the table.
"""

import asyncio
import time
from collections.abc import Callable

from msgspec import Struct

from stream_detector.domain.identity import Identity
from stream_detector.hook.broadcast import Broadcast
from stream_detector.hook.guard import Guard
from stream_detector.hook.http import HookApp
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.seen import Report
from stream_detector.ports import Clock
from stream_detector.serving.background import beside
from stream_detector.serving.server import serve
from stream_detector.serving.tls import Tls


class HookOptions(Struct, frozen=True, kw_only=True):
    """What an operator sets; the meanings are those of the `hook_` settings."""

    host: str
    port: int
    identity: Identity = Identity()
    client_header: str
    call_header: str
    feed_token: str = ""
    """Of the decision feed; empty for no feed."""
    tls: Tls | None = None
    """None for plain text."""
    stop_within_s: float = 5.0


class Hook:
    """Answers gateways until told to stop.

    Args:
        guard: decides; followed while the hook runs.
        clock: event time.
        observer: hears of every answer.
        render_metrics: the page for Prometheus.
        options: what the operator sets.
        report: takes every call that was asked about; None for nobody.
        timer: seconds that never go back; measures the time of an answer.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        clock: Clock,
        observer: HookObserver,
        render_metrics: Callable[[], bytes],
        options: HookOptions,
        report: Report | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._guard = guard
        self._options = options
        self._broadcast = (
            Broadcast(
                table=guard.table,
                changes=guard.changes,
                clock=clock,
                observer=observer,
                token=options.feed_token,
            )
            if options.feed_token
            else None
        )
        self._app = HookApp(
            judge=guard.judge,
            freshness=guard.freshness,
            broadcast=self._broadcast,
            observer=observer,
            render_metrics=render_metrics,
            identity=options.identity,
            client_header=options.client_header,
            call_header=options.call_header,
            report=report,
            clock=clock,
            timer=timer,
        )

    async def run(self, stop: asyncio.Event, on_listening: Callable[[int], None] = lambda _port: None) -> None:
        """Answer questions until `stop` is set; then finish the open ones.

        Args:
            stop: ends the hook.
            on_listening: called once with the port, as soon as connections are accepted.

        Raises:
            ConfigError: host and port cannot be listened on.
        """
        async with beside(self._guard.follow(), self._hang_up(stop)):
            await serve(
                self._app,
                host=self._options.host,
                port=self._options.port,
                stop=stop,
                stop_within_s=self._options.stop_within_s,
                on_listening=on_listening,
                settings="hook_host, hook_port",
                tls=self._options.tls,
            )

    async def _hang_up(self, stop: asyncio.Event) -> None:
        """Streams of the feed would keep the server from ending."""
        await stop.wait()
        if self._broadcast is not None:
            self._broadcast.close()
