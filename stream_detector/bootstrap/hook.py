"""The hook process."""

import asyncio
import random
import signal
from contextlib import AbstractAsyncContextManager, nullcontext

import uvloop
from prometheus_client import CollectorRegistry

from stream_detector.adapters.hook_metrics import PrometheusHookObserver
from stream_detector.adapters.logs import configure
from stream_detector.bootstrap.identity import identity_of
from stream_detector.bootstrap.parts import clock_of, stores_of
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.process import Hook, HookOptions
from stream_detector.settings import Settings


def run_hook(settings: Settings) -> None:
    """Answer gateways until SIGTERM or SIGINT.

    Raises:
        ConfigError: a setting does not fit.
    """
    configure(settings.log_level)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    observer = PrometheusHookObserver(CollectorRegistry())
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with stores_of(settings) as stores, _grpc(settings, observer):
        hook = Hook(
            store=stores.decisions,
            limiter=stores.limiter,
            clock=clock_of(settings),
            observer=observer,
            render_metrics=observer.render,
            random=random.Random().random,  # noqa: S311 - spreads reconnects
            options=HookOptions(
                host=settings.hook_host,
                port=settings.hook_port,
                identity=identity_of(settings),
                client_header=settings.hook_client_header,
                call_header=settings.hook_call_header,
                feed_token=settings.hook_feed_token,
                failure=settings.hook_failure,
                unidentified=settings.hook_unidentified,
                stale_after_s=settings.hook_stale_after_s,
            ),
        )
        await hook.run(stop)


def _grpc(settings: Settings, observer: HookObserver) -> AbstractAsyncContextManager[None]:
    if not settings.hook_grpc_port:
        return nullcontext()
    from stream_detector.bootstrap.hook_grpc import grpc_processes  # noqa: PLC0415 - an extra

    return grpc_processes(settings, observer)
