"""The hook process."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import uvloop
from prometheus_client import CollectorRegistry

from stream_detector.adapters.hook_metrics import PrometheusHookObserver
from stream_detector.adapters.logs import configure
from stream_detector.bootstrap.encryption import tls_of
from stream_detector.bootstrap.guard import guard_of
from stream_detector.bootstrap.identity import identity_of
from stream_detector.bootstrap.parts import clock_of, stores_of
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.hook.process import Hook, HookOptions
from stream_detector.hook.seen import Report
from stream_detector.service.outbox import Outbox
from stream_detector.settings import Settings


def run_hook(settings: Settings) -> None:
    """Answer gateways until SIGTERM or SIGINT.

    Raises:
        ConfigError: a setting does not fit.
    """
    configure(settings.log_level)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    observer, tls = PrometheusHookObserver(CollectorRegistry()), tls_of(settings)
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with (
        stores_of(settings) as stores,
        _report(settings, observer) as report,
        _grpc(settings, observer, report),
    ):
        hook = Hook(
            guard=guard_of(settings, stores, observer),
            clock=clock_of(settings),
            observer=observer,
            render_metrics=observer.render,
            options=HookOptions(
                host=settings.hook_host,
                port=settings.hook_port,
                identity=identity_of(settings),
                client_header=settings.hook_client_header,
                call_header=settings.hook_call_header,
                feed_token=settings.hook_feed_token,
                tls=tls,
            ),
            report=report,
        )
        await hook.run(stop)


def _grpc(
    settings: Settings, observer: PrometheusHookObserver, report: Report | None
) -> AbstractAsyncContextManager[None]:
    if not settings.hook_grpc_port:
        return nullcontext()
    from stream_detector.bootstrap.hook_grpc import grpc_processes  # noqa: PLC0415 - an extra

    return grpc_processes(settings, observer, report)


@asynccontextmanager
async def _report(settings: Settings, observer: PrometheusHookObserver) -> AsyncIterator[Report | None]:
    """Takes the calls that the hook was asked about."""
    if not settings.hook_calls_to:
        yield None
        return
    from stream_detector.bootstrap.reporting import channel_of  # noqa: PLC0415 - an extra

    outbox = Outbox(channel_of(settings, "hook_calls_to", half="request"), observer=observer)
    try:
        yield outbox.put
    finally:
        with contextlib.suppress(StoreUnavailable):  # it has said so before
            await outbox.aclose()
