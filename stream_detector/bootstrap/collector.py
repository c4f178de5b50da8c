"""The collector process."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from stream_detector.adapters.collector_metrics import PrometheusCollectorObserver
from stream_detector.adapters.kafka_calls import KafkaCallLog
from stream_detector.adapters.logs import configure
from stream_detector.bootstrap.identity import identity_of
from stream_detector.bootstrap.parts import sketcher_of
from stream_detector.collector.bodies import BodyReader
from stream_detector.collector.http import CollectorApp
from stream_detector.collector.observer import CollectorObserver
from stream_detector.collector.process import run
from stream_detector.collector.routes import routes
from stream_detector.collector.writer import Writer
from stream_detector.domain.errors import ConfigError
from stream_detector.service.pairing import Pairing, PairingOptions
from stream_detector.serving.server import serve
from stream_detector.settings import Settings
from stream_detector.wire.sources.events import Discretion
from stream_detector.wire.sources.mapped import FieldMap

_STOP_WITHIN_S = 15.0
"""Longer than a write may take that Kafka does not answer."""


def run_collector(settings: Settings) -> None:
    """Take events until SIGTERM or SIGINT.

    Raises:
        ConfigError: a setting or the mapping file does not fit.
        StoreUnavailable: at the end, Kafka did not take the halves of calls that waited.
    """
    configure(settings.log_level)
    field_map = field_map_of(settings.collector_mapping)
    with ThreadPoolExecutor(1) as executor:
        uvloop.run(_run(settings, field_map, executor))


def field_map_of(path: str) -> FieldMap | None:
    """The mapping file that `Settings.collector_mapping` names, if it names one.

    Raises:
        ConfigError: it cannot be read, or is wrong.
    """
    if not path:
        return None
    try:
        content = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"STREAM_DETECTOR_COLLECTOR_MAPPING: {path!r} cannot be read ({error}); name a readable TOML file"
        raise ConfigError(message) from error
    return FieldMap.parse(content, path)


async def _run(settings: Settings, field_map: FieldMap | None, executor: ThreadPoolExecutor) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    paths = routes(settings.collector_client_attribute, field_map)
    observer = PrometheusCollectorObserver(
        CollectorRegistry(),
        [*(route.source for route in paths.values()), "envoy_als"],
        settings.collector_most_events,
    )
    log = KafkaCallLog(
        settings.kafka,
        topic_calls=settings.topic_calls,
        topic_dead=settings.topic_dead,
        timeout_s=settings.collector_kafka_timeout_s,
    )
    options = PairingOptions(wait_s=settings.collector_pair_s, most_waiting=settings.collector_most_events)
    writer = Writer(
        log=log,
        pairing=Pairing(options),
        observer=observer,
        most_buffered=settings.collector_most_events,
        first_body=int(time.time() * 1000),
    )
    discretion = Discretion(sketcher_of(settings).sketch, identity_of(settings))
    app = CollectorApp(
        routes=paths,
        writer=writer,
        bodies=BodyReader(settings.collector_max_body_bytes),
        discretion=discretion,
        executor=executor,
        observer=observer,
        render_metrics=observer.render,
        token=settings.collector_token,
    )
    listen = partial(
        serve,
        host=settings.collector_host,
        port=settings.collector_port,
        stop_within_s=_STOP_WITHIN_S,
        on_listening=lambda _port: None,
        settings="collector_host, collector_port",
    )
    try:
        async with _access_log(settings, writer, discretion, observer, stop):
            await run(app, writer, listen, stop)
    finally:
        await log.close()


@asynccontextmanager
async def _access_log(
    settings: Settings, writer: Writer, discretion: Discretion, observer: CollectorObserver, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Takes Envoy's streams meanwhile."""
    if not settings.collector_grpc_port:
        yield
        return
    from stream_detector.collector.envoy.service import AccessLog, serve_access_log  # noqa: PLC0415 - an extra

    service = AccessLog(
        writer=writer,
        discretion=discretion,
        observer=observer,
        client_header=settings.hook_client_header,
        token=settings.collector_token,
    )
    address = f"{settings.collector_host}:{settings.collector_grpc_port}"
    serving = asyncio.create_task(serve_access_log(service, address=address, stop=stop))
    serving.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        stop.set()
        await serving
