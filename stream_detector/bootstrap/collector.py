"""The collector process."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import uvloop
from msgspec import Struct
from prometheus_client import CollectorRegistry

from stream_detector.adapters.collector_metrics import PrometheusCollectorObserver
from stream_detector.adapters.kafka_calls import KafkaCallLog
from stream_detector.adapters.kafka_inbox import KafkaInbox
from stream_detector.adapters.logs import configure
from stream_detector.adapters.setting_files import read_text
from stream_detector.bootstrap.encryption import collector_tls_of
from stream_detector.bootstrap.identity import identity_of
from stream_detector.bootstrap.parts import sketcher_of
from stream_detector.collector.bodies import BodyReader
from stream_detector.collector.http import CollectorApp
from stream_detector.collector.observer import CollectorObserver
from stream_detector.collector.process import run
from stream_detector.collector.reader import TopicReader
from stream_detector.collector.routes import Route, routes
from stream_detector.collector.topics import TopicRoute, parse_topics
from stream_detector.collector.writer import Writer
from stream_detector.domain.errors import ConfigError
from stream_detector.service.pairing import Pairing, PairingOptions
from stream_detector.serving.server import serve
from stream_detector.serving.tls import Tls
from stream_detector.settings import PREFIX, Settings
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
    paths = routes_of(settings)
    topics = topics_of(settings, paths)
    with ThreadPoolExecutor(1) as executor:
        uvloop.run(_run(settings, paths, topics, executor))


def routes_of(settings: Settings) -> dict[str, Route]:
    """Path -> what it takes.

    Raises:
        ConfigError: the mapping file cannot be read, or is wrong.
    """
    return routes(settings.collector_client_attribute, field_map_of(settings.collector_mapping))


def topics_of(settings: Settings, paths: Mapping[str, Route]) -> dict[str, TopicRoute]:
    """Topic -> what it holds.

    Raises:
        ConfigError: the setting does not fit.
    """
    if not settings.collector_topics:
        return {}
    ours = {settings.topic_calls, settings.topic_decisions, settings.topic_dead}
    return parse_topics(settings.collector_topics, paths, ours, f"{PREFIX}COLLECTOR_TOPICS")


def field_map_of(path: str) -> FieldMap | None:
    """The mapping file that `Settings.collector_mapping` names, if it names one.

    Raises:
        ConfigError: it cannot be read, or is wrong.
    """
    if not path:
        return None
    try:
        content = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        message = f"STREAM_DETECTOR_COLLECTOR_MAPPING: {path!r} cannot be read ({error}); name a readable TOML file"
        raise ConfigError(message) from error
    return FieldMap.parse(content, path)


class _Parts(Struct, frozen=True):
    """What takes events, whichever way they come."""

    paths: Mapping[str, Route]
    topics: Mapping[str, TopicRoute]
    writer: Writer
    discretion: Discretion
    executor: Executor
    observer: PrometheusCollectorObserver
    tls: Tls | None


async def _run(
    settings: Settings, paths: Mapping[str, Route], topics: Mapping[str, TopicRoute], executor: Executor
) -> None:
    stop, tls = asyncio.Event(), collector_tls_of(settings)
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
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
    discretion = Discretion(sketcher_of(settings).sketch, identity_of(settings))
    parts = _Parts(paths, topics, _writer_of(settings, log, observer), discretion, executor, observer, tls)
    listen = partial(
        serve,
        host=settings.collector_host,
        port=settings.collector_port,
        stop_within_s=_STOP_WITHIN_S,
        on_listening=lambda _port: None,
        settings="collector_host, collector_port",
        tls=tls,
    )
    try:
        async with _access_log(settings, parts, stop):
            await run(_app_of(settings, parts), parts.writer, listen, stop, reader=_reader_of(settings, parts))
    finally:
        await log.close()


def _writer_of(settings: Settings, log: KafkaCallLog, observer: CollectorObserver) -> Writer:
    options = PairingOptions(wait_s=settings.collector_pair_s, most_waiting=settings.collector_most_events)
    return Writer(
        log=log,
        pairing=Pairing(options),
        observer=observer,
        most_buffered=settings.collector_most_events,
        first_body=int(time.time() * 1000),
    )


def _app_of(settings: Settings, parts: _Parts) -> CollectorApp:
    return CollectorApp(
        routes=parts.paths,
        writer=parts.writer,
        bodies=BodyReader(settings.collector_max_body_bytes, executor=parts.executor),
        discretion=parts.discretion,
        executor=parts.executor,
        observer=parts.observer,
        render_metrics=parts.observer.render,
        token=settings.collector_token,
    )


def _reader_of(settings: Settings, parts: _Parts) -> TopicReader | None:
    if not parts.topics:
        return None
    inbox = KafkaInbox(
        settings.kafka,
        topics=parts.topics,
        group=settings.collector_group,
        timeout_s=settings.collector_kafka_timeout_s,
    )
    return TopicReader(
        inbox=inbox,
        routes=parts.topics,
        writer=parts.writer,
        discretion=parts.discretion,
        executor=parts.executor,
        observer=parts.observer,
        most_bytes=settings.collector_max_body_bytes,
    )


@asynccontextmanager
async def _access_log(settings: Settings, parts: _Parts, stop: asyncio.Event) -> AsyncIterator[None]:
    """Takes Envoy's streams meanwhile."""
    if not settings.collector_grpc_port:
        yield
        return
    from stream_detector.collector.envoy.service import AccessLog, serve_access_log  # noqa: PLC0415 - an extra

    service = AccessLog(
        writer=parts.writer,
        discretion=parts.discretion,
        observer=parts.observer,
        client_header=settings.hook_client_header,
        token=settings.collector_token,
    )
    address = f"{settings.collector_host}:{settings.collector_grpc_port}"
    serving = asyncio.create_task(serve_access_log(service, address=address, stop=stop, tls=parts.tls))
    serving.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        stop.set()
        await serving
