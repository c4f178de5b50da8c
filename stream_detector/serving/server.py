"""Runs an HTTP application on granian, inside the caller's event loop.

Embedded, not as granian's own worker process: the hook's feed and its application share the table, and the embedded server
answered as many requests per second (tests/benchmarks/bench_hook.py). One server is one process on one core.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from msgspec import Struct

from stream_detector.domain.errors import ConfigError
from stream_detector.serving.tls import Tls

_KEEP_ALIVE_MS = 3_900_000
"""Idle connections live longer than any gateway keeps them (Envoy: 1 h), so that never we close one in its hands."""
_MAX_BUFFER_BYTES = 131_072
"""Of one connection; granian refuses a longer header with 431 and a URI above 64 KiB with 414."""
_START_S = 10.0
_PROBE_S = 0.01
_LOGGING = {"incremental": True, "handlers": {}, "loggers": {"_granian": {"propagate": True}}}
"""Granian's errors go to the process's own log handlers, which stay as they are."""


class Application(Protocol):
    """An RSGI application."""

    async def __rsgi__(self, request: Any, responder: Any) -> None:  # noqa: ANN401 - each names what it uses of RSGI
        """Answer one request."""


class _Address(Struct, frozen=True):
    ip: str
    port: int


async def serve(
    app: Application,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    stop_within_s: float,
    on_listening: Callable[[int], None],
    settings: str,
    tls: Tls | None = None,
) -> None:
    """Answer requests until `stop` is set, then finish the open ones.

    Args:
        app: the application.
        host: name or address to listen on.
        port: 0 for a free one.
        stop: ends the server.
        stop_within_s: open requests get this long to finish.
        on_listening: called once with the port, as soon as connections are accepted.
        settings: where host and port come from, for the operator.
        tls: certificate and key; None for plain text.

    Raises:
        ConfigError: the address cannot be listened on.
        RuntimeError: the server ended by itself.
    """
    address = _choose_address(host, port, settings)
    server = Server(
        app,
        address=address.ip,
        port=address.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_KEEP_ALIVE_MS, max_buffer_size=_MAX_BUFFER_BYTES),
        websockets=False,
        backlog=1024,
        ssl_cert=tls.certificate if tls else None,
        ssl_key=tls.key if tls else None,
        ssl_protocol_min=SSLProtocols.tls12,  # the newest that Envoy and nginx before 1.23.4 speak by default
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
    )
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    try:
        await _accepting(address, serving)
        if not serving.done():
            on_listening(address.port)
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done() and not stop.is_set():
            message = "the HTTP server ended by itself; the lines above say why"
            raise RuntimeError(message) from serving.exception()
    finally:
        stopping.cancel()
        server.stop()
        await asyncio.wait({serving}, timeout=stop_within_s)
        serving.cancel()


def _choose_address(host: str, port: int, settings: str) -> _Address:
    """Find the address, and make sure that nobody listens there: granian would quietly share a taken port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            ip, chosen = probe.getsockname()[:2]
    except OSError as error:
        message = f"{settings}: cannot listen on {host}:{port} ({error}); choose a free port of this machine"
        raise ConfigError(message) from error
    return _Address(ip, chosen)


async def _accepting(address: _Address, serving: asyncio.Task[None]) -> None:
    async with asyncio.timeout(_START_S):
        while not serving.done():
            try:
                _, writer = await asyncio.open_connection(address.ip, address.port)
            except OSError:
                await asyncio.sleep(_PROBE_S)
                continue
            writer.close()
            return
