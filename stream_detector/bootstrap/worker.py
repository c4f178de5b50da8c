"""The worker process."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Never

from prometheus_client import CollectorRegistry

from stream_detector.adapters.kafka import KafkaDeadLetterLog, KafkaDecisionLog, open_producer
from stream_detector.adapters.logs import configure
from stream_detector.adapters.metrics import PrometheusObserver, WorkerMetrics
from stream_detector.adapters.metrics_page import serve_metrics
from stream_detector.bootstrap.addresses import keep_fresh
from stream_detector.bootstrap.operator import enter_allowlist
from stream_detector.bootstrap.parts import address_book_of, clock_of, sketcher_of, stores_of
from stream_detector.bootstrap.topics import make_topics
from stream_detector.detection.detectors.catalogue import build_all, names
from stream_detector.detection.engine import Engine
from stream_detector.detection.policy import Policy
from stream_detector.ports import AddressBook
from stream_detector.service.allowlist import Allowlist
from stream_detector.service.following import Following
from stream_detector.service.handler import Outside, Pace, Service
from stream_detector.service.intake import Limits, Reader
from stream_detector.service.retry import until_answered
from stream_detector.service.settling import LimitedClients, Settling
from stream_detector.settings import Settings, load_policy
from stream_detector.stream import runner
from stream_detector.stream.app import Stream, StreamOptions, create_stream

_LAG_EVERY_S = 1.0


def run_worker(settings: Settings) -> int:
    """Observe calls until SIGTERM or SIGINT; returns the exit code: 1 asks for a restart.

    Raises:
        ConfigError: a setting, the policy or the stored state does not fit.
        StoreUnavailable: Kafka does not answer at the start.
    """
    configure(settings.log_level)
    policy = load_policy(settings.policy)
    make_topics(settings)
    return runner.run(_run(settings, policy))


async def _run(settings: Settings, policy: Policy) -> int:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    serve_metrics(settings.metrics_host, settings.metrics_port, registry)
    async with AsyncExitStack() as stack:
        allowlist, limited = Allowlist(), LimitedClients()
        outside = await _open_outside(settings, PrometheusObserver(metrics, sorted(names())), limited, stack)
        retried = outside.observer.store_retry
        await until_answered(
            lambda: enter_allowlist(
                policy.allowlist, policy.version, outside.decisions, outside.decision_log, outside.clock.now_s()
            ),
            retried,
        )
        following = Following(outside.decisions, outside.clock, [allowlist, limited])
        await until_answered(following.read, retried)  # before the first call: nobody allowed is decided about
        book = address_book_of(settings.addresses)
        service = _service(settings, policy, outside, allowlist, book)
        stream = create_stream(service, _stream_options(settings))
        metrics.transport.labels(stream.transport).set(1)
        for coroutine in (following.follow(retried), _report_lag(stream, metrics), keep_fresh(book, metrics)):
            stack.callback(asyncio.create_task(coroutine).cancel)
        return await runner.run_until_stopped(stream)


async def _open_outside(
    settings: Settings, observer: PrometheusObserver, limited: LimitedClients, stack: AsyncExitStack
) -> Outside:
    stores = await stack.enter_async_context(stores_of(settings))
    producer = await stack.enter_async_context(open_producer(settings.kafka))
    return Outside(
        profiles=stores.profiles,
        population=stores.population,
        decisions=stores.decisions,
        decision_log=KafkaDecisionLog(producer, settings.topic_decisions),
        dead_letter_log=KafkaDeadLetterLog(producer, settings.topic_dead),
        observer=observer,
        clock=clock_of(settings),
        wall_s=time.time,
        monotonic_s=time.monotonic,
        settling=Settling(stores.limiter, limited),
    )


def _service(
    settings: Settings, policy: Policy, outside: Outside, allowlist: Allowlist, book: AddressBook | None
) -> Service:
    limits = Limits(
        max_record_bytes=settings.max_record_bytes,
        max_future_s=settings.max_future_s,
        max_past_s=settings.max_past_s,
    )
    pace = Pace(
        checkpoint_s=settings.checkpoint_s,
        checkpoint_calls=settings.checkpoint_calls,
        max_profiles=settings.max_profiles,
    )
    reader = Reader(settings.topic_calls, limits, sketcher_of(settings), book)
    return Service(Engine(build_all(), policy), reader, pace, outside, allowlist.allowed_until)


def _stream_options(settings: Settings) -> StreamOptions:
    return StreamOptions(
        bootstrap_servers=settings.kafka,
        topic=settings.topic_calls,
        group=settings.group,
        transport=settings.transport,
        rebalance_timeout_s=settings.rebalance_timeout_s,
    )


async def _report_lag(stream: Stream, metrics: WorkerMetrics) -> Never:
    reported: set[int] = set()
    while True:
        lags = stream.lag()
        for partition in reported - lags.keys():
            metrics.lag.remove(str(partition))
        for partition, lag in lags.items():
            metrics.lag.labels(str(partition)).set(lag)
        reported = set(lags)
        await asyncio.sleep(_LAG_EVERY_S)
