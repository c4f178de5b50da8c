"""The access log service (`envoy.service.accesslog.v3.AccessLogService`): Envoy streams entries, and is never answered.

1. Envoy does not wait for anybody: it keeps what its buffer holds and drops the rest. So what Kafka does not take is offered
   again here, while the stream waits.
2. Where the collector has a token, the stream must carry it in its metadata (`initial_metadata` of Envoy's `grpc_service`).

Source: Envoy's `api/envoy/service/accesslog/v3/als.proto`.
"""

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc.aio
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage, StreamAccessLogsResponse
from envoy.service.accesslog.v3.als_pb2_grpc import add_AccessLogServiceServicer_to_server

from stream_detector.collector.envoy.entries import record_of
from stream_detector.collector.observer import CollectorObserver
from stream_detector.collector.writer import Writer
from stream_detector.domain.errors import ConfigError, StoreUnavailable
from stream_detector.serving.tls import Tls
from stream_detector.serving.unreadable import quieten
from stream_detector.wire.sources.events import Discretion, Draft, Part, gather

SOURCE: Final = "envoy_als"
_AGAIN_S = 1.0
_STOP_WITHIN_S = 5.0
_log = logging.getLogger(__name__)


class AccessLog:
    """The service.

    Args:
        writer: takes what comes.
        discretion: what becomes of those who are named.
        observer: hears of it.
        client_header: request header that says whose call it is.
        token: what a stream has to carry; empty for nothing.
    """

    def __init__(
        self, *, writer: Writer, discretion: Discretion, observer: CollectorObserver, client_header: str, token: str
    ) -> None:
        self._writer = writer
        self._discretion = discretion
        self._observer = observer
        self._client_header = client_header.lower()
        self._expected = f"Bearer {token}".encode() if token else b""

    async def StreamAccessLogs(  # noqa: N802 - gRPC's name
        self,
        messages: AsyncIterator[StreamAccessLogsMessage],
        context: Any,  # noqa: ANN401 - gRPC has no type for it
    ) -> StreamAccessLogsResponse:
        """Take entries until the stream ends."""
        if self._expected:
            given = dict(context.invocation_metadata() or ()).get("authorization", "")
            if not hmac.compare_digest(str(given).encode(), self._expected):
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "send the collector's token as a Bearer token")
        async for message in messages:
            await self._take(message.http_logs.log_entry)
        return StreamAccessLogsResponse()

    async def _take(self, entries: Any) -> None:  # noqa: ANN401 - protobuf's container
        found = gather(entries, self._draft, discretion=self._discretion, part=Part.WHOLE, size=_size)
        self._observer.read(SOURCE, events=len(found.events), skipped=found.skipped, left_out=len(found.left_out))
        while found.events or found.refused:
            try:
                await self._writer.submit(SOURCE, found)
            except StoreUnavailable as error:
                _log.warning("%d entries of Envoy's access log wait: %s", len(found.events), error)
                await asyncio.sleep(_AGAIN_S)
            except ConfigError:
                return  # the writer has said why
            else:
                return

    def _draft(self, entry: HTTPAccessLogEntry) -> Draft | None:
        record = record_of(entry, self._client_header)
        return None if record is None else Draft(record)


async def serve_access_log(service: AccessLog, *, address: str, stop: asyncio.Event, tls: Tls | None = None) -> None:
    """Take streams until `stop` is set.

    Args:
        service: takes them.
        address: host:port.
        stop: ends it.
        tls: certificate and key; None for plain text.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    quieten()
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    add_AccessLogServiceServicer_to_server(service, server)
    try:
        if tls is None:
            server.add_insecure_port(address)
        else:
            pair = tls.key.read_bytes(), tls.certificate.read_bytes()
            server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    except RuntimeError as error:
        message = f"collector_host, collector_grpc_port: cannot listen on {address} ({error}); choose a free port"
        raise ConfigError(message) from error
    await server.start()
    try:
        await stop.wait()
    finally:
        await server.stop(_STOP_WITHIN_S)


def _size(entry: HTTPAccessLogEntry) -> int:
    return int(entry.ByteSize())
