"""The processes that answer Envoy over gRPC, beside the hook."""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator

import uvloop

from stream_detector.adapters.logs import configure
from stream_detector.bootstrap.encryption import tls_of
from stream_detector.bootstrap.guard import guard_of
from stream_detector.bootstrap.identity import identity_of
from stream_detector.bootstrap.parts import clock_of, stores_of
from stream_detector.domain.errors import StreamDetectorError
from stream_detector.hook.envoy.family import Family, FamilyObserver
from stream_detector.hook.envoy.process import EnvoyHook, EnvoyOptions
from stream_detector.hook.envoy.reports import ReportingObserver
from stream_detector.hook.envoy.server import grpc_address
from stream_detector.hook.seen import Report
from stream_detector.serving.background import beside
from stream_detector.settings import Settings

_SAY_WITHIN_S = 1.0
_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def grpc_processes(settings: Settings, observer: FamilyObserver, report: Report | None) -> AsyncIterator[None]:
    """Keep the processes running while it is entered.

    Args:
        settings: what the operator sets.
        observer: hears what they do.
        report: takes the calls that they are asked about; None for nobody.

    Raises:
        ConfigError: the port cannot be listened on.
        FamilyEnded: a process could not start.
    """
    address = grpc_address(settings.hook_host, settings.hook_grpc_port)
    family = Family(functools.partial(_process, settings, address), settings.hook_grpc_processes, observer, report)
    async with beside(family.run()):
        yield


def _process(settings: Settings, address: str, parent: socket.socket) -> None:
    configure(settings.log_level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, too, which ends this process
    try:
        uvloop.run(_run(settings, address, parent))
    except StreamDetectorError as error:
        _log.error("%s", error)
        sys.exit(2)


async def _run(settings: Settings, address: str, parent: socket.socket) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    reader, writer = await asyncio.open_unix_connection(sock=parent)
    orphaned = loop.create_task(reader.read())
    orphaned.add_done_callback(lambda _: stop.set())
    observer = ReportingObserver(writer)
    async with stores_of(settings) as stores:
        hook = EnvoyHook(
            guard=guard_of(settings, stores, observer),
            clock=clock_of(settings),
            observer=observer,
            options=EnvoyOptions(
                address=address,
                identity=identity_of(settings),
                client_header=settings.hook_client_header,
                call_header=settings.hook_call_header,
                failure=settings.hook_failure,
                unidentified=settings.hook_unidentified,
                tls=tls_of(settings),
            ),
            report=observer.asked_about if settings.hook_calls_to else None,
        )
        await hook.run(stop, observer.listening)
    observer.flush()
    orphaned.cancel()
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):  # a parent that is gone, or hangs
        async with asyncio.timeout(_SAY_WITHIN_S):
            await writer.wait_closed()
