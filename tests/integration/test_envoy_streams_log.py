"""The real Envoy streams its access log to a real collector, which writes to a real Kafka."""

import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from documents.reading import blocks, page
from gateways.fronts import KINDS, Kind
from running.collector_process import CollectorProcess
from servers.kafka_topics import KafkaTopics
from servers.processes import ServerProcess, accepts_connections, free_port, wait_until

from stream_detector.domain.calls import ApiCall
from stream_detector.wire import calls

TOKEN = "a-token-that-is-long-enough"  # noqa: S105
_ENVOY = next(kind for kind in KINDS if kind.name == "envoy")


def documented_log() -> list[dict[str, object]]:
    """What the page tells operators to write, with our token."""
    (block,) = (each for each in blocks("yaml", page("sources")) if "http_grpc" in each.text)
    found: list[dict[str, object]] = yaml.safe_load(block.text.replace("TOKEN", TOKEN))["access_log"]
    return found


def config(port: int, collector_port: int) -> dict[str, object]:
    """An Envoy that answers by itself, and logs as documented."""
    v3 = "type.googleapis.com/envoy.extensions"
    manager = {
        "@type": f"{v3}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "api",
        "access_log": documented_log(),
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{v3}.filters.http.router.v3.Router"}},
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
    }
    cluster = "collector_of_calls"
    http2 = {
        "@type": f"{v3}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {
        "static_resources": {
            "listeners": [
                {
                    "address": address(port),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": cluster,
                    "type": "STATIC",
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2
                    },
                    "load_assignment": {
                        "cluster_name": cluster,
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(collector_port)}}]}],
                    },
                }
            ],
        }
    }


def address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


@pytest.fixture
def envoy() -> Kind:
    if _ENVOY.program() is None:
        pytest.skip("Envoy is not installed; run `make servers`")
    return _ENVOY


@pytest.fixture
def topic(kafka_topics: KafkaTopics) -> str:
    return kafka_topics.create()


@pytest.fixture
def collector_port(kafka_topics: KafkaTopics, topic: str, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    settings = {
        "kafka": kafka_topics.bootstrap,
        "topic_calls": topic,
        "topic_dead": kafka_topics.create(),
        "collector_grpc_port": port,
        "collector_token": TOKEN,
    }
    collector = CollectorProcess(settings, tmp_path / "collector.log")
    collector.wait_ready()
    wait_until(lambda: accepts_connections(port), "the collector listens to Envoy")
    yield port
    collector.stop()


def test_every_call_that_envoy_logs_is_in_the_topic(
    envoy: Kind, collector_port: int, kafka_topics: KafkaTopics, topic: str, tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "envoy.yaml").write_text(yaml.safe_dump(config(port, collector_port)))
    program = envoy.program()
    assert program
    process = ServerProcess(envoy.command(program, tmp_path), tmp_path / "envoy.log")
    try:
        process.wait_ready(lambda: accepts_connections(port))
        before_s = time.time()
        for number in range(20):
            ask(port, f"client-{number % 3}")
        wait_until(lambda: len(arrived(kafka_topics, topic)) >= 20, "all calls are in the topic")
    finally:
        process.stop()
    found = arrived(kafka_topics, topic)
    assert len({call.id for call in found}) == len(found) == 20
    assert {call.client for call in found} == {"client-0", "client-1", "client-2"}
    assert {(call.route, call.status, call.ip, call.ua) for call in found} == {
        ("/v1/chat/completions", 200, "127.0.0.1", "tests/1")
    }
    assert all(before_s - 1 <= call.ts <= time.time() for call in found)


def ask(port: int, client: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    fields = {"x-client-id": client, "user-agent": "tests/1"}
    connection.request("POST", "/v1/chat/completions?key=secret", body=b"{}", headers=fields)
    assert connection.getresponse().status == 200
    connection.close()


def arrived(kafka_topics: KafkaTopics, topic: str) -> list[ApiCall]:
    return [
        call for record in kafka_topics.consume(topic) for call in calls.decode(record.value, max_bytes=1 << 20).calls
    ]
