"""Fixtures for all tests: Apache Kafka, Redis and the real recordings. A test that uses one gets its marker."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy loads: threads on small matrices only wait

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis
from servers.kafka_server import KafkaMissing, KafkaServer
from servers.kafka_topics import KafkaTopics
from servers.redis_server import RedisServer, redis_binary
from streaming.workers import Workers

hypothesis.settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("steady")  # a noisy machine must not fail a test

_MARKED_FIXTURES = {
    "kafka": "kafka",
    "private_kafka": "kafka",
    "redis_url": "redis",
    "redis_session_url": "redis",
    "private_redis": "redis",
    "data_dir": "data",
}


def pytest_configure() -> None:
    if "STREAM_DETECTOR_TEST_REDIS" in os.environ and int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
        message = "STREAM_DETECTOR_TEST_REDIS: tests empty it, so one process at a time may; run: make test JOBS=1"
        raise pytest.UsageError(message)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, marker in _MARKED_FIXTURES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of Apache Kafka: STREAM_DETECTOR_TEST_KAFKA, or a broker started for this run."""
    given = os.environ.get("STREAM_DETECTOR_TEST_KAFKA")
    if given:
        yield given
        return
    server = _kafka_server(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server.bootstrap
    server.stop()


@pytest.fixture
def private_kafka(tmp_path: Path) -> Iterator[KafkaServer]:
    """A started Apache Kafka for one test, to be stopped and started again."""
    server = _kafka_server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def kafka_topics(kafka: str) -> Iterator[KafkaTopics]:
    """Creates topics for one test, fills and reads them; they are deleted afterwards."""
    topics = KafkaTopics(kafka)
    yield topics
    topics.delete_created()
    topics.close()


@pytest.fixture(params=["chunked", "stock"])
def workers(request: pytest.FixtureRequest, kafka_topics: KafkaTopics, tmp_path: Path) -> Iterator[Workers]:
    """Worker processes of one group, once on each transport; whatever still runs is killed afterwards.

    What they said is printed, for pytest to show where a test fails.
    """
    workers = Workers(kafka_topics, tmp_path, request.param)
    yield workers
    workers.end()
    sys.stdout.write(workers.said())


@pytest.fixture(scope="session")
def redis_session_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for fixtures that outlive a test: with keys of their own, and not beside tests that empty it."""
    given = os.environ.get("STREAM_DETECTOR_TEST_REDIS")
    if given:
        yield given
        return
    server = RedisServer(_redis_binary(), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def redis_url(redis_session_url: str) -> str:
    """An empty Redis, shared by the run. STREAM_DETECTOR_TEST_REDIS names another one, which is emptied, too."""
    with redis.Redis.from_url(redis_session_url) as client:
        client.flushall()
    return redis_session_url


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A started Redis for one test, to be stopped, started again, frozen and thawed."""
    server = RedisServer(_redis_binary(), tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real recordings: STREAM_DETECTOR_DATA, or shared/data beside the working copy."""
    given = os.environ.get("STREAM_DETECTOR_DATA")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}; set STREAM_DETECTOR_DATA to the folder that holds them")
    return folder


def _kafka_server(directory: Path) -> KafkaServer:
    try:
        return KafkaServer(directory)
    except KafkaMissing as missing:
        pytest.skip(str(missing))


def _redis_binary() -> str:
    binary = redis_binary()
    if not binary:
        pytest.skip("no Redis; run `make servers`, or name one for tests in STREAM_DETECTOR_TEST_REDIS")
    return binary
