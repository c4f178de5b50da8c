"""How calls are sent to a collector, and what each of its answers means."""

import asyncio
from collections.abc import Iterator

import pytest
from gateways.listening_collector import ListeningCollector
from servers.processes import free_port

from stream_detector.adapters.collector_calls import CollectorCalls
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import ConfigError, StoreUnavailable

CALLS = [ApiCall(id=str(number), ts=float(number), client="alice") for number in range(3)]


@pytest.fixture
def collector() -> Iterator[ListeningCollector]:
    with ListeningCollector() as collector:
        yield collector


def send(address: str, token: str) -> None:
    async def run() -> None:
        calls = CollectorCalls(address, token=token, setting="HERE")
        try:
            await calls.send(CALLS)
            await calls.send(CALLS[:1])
        finally:
            await calls.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_collector_gets_every_call(collector: ListeningCollector, slash: str) -> None:
    send(collector.url + slash, collector.token)
    assert [call.id for call in collector.of("alice")] == ["0", "0", "1", "2"]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_collector_in_trouble_is_asked_again(collector: ListeningCollector, status: int) -> None:
    collector.status = status
    with pytest.raises(StoreUnavailable, match=f"answers {status}"):
        send(collector.url, collector.token)


def test_a_collector_that_is_gone_is_asked_again() -> None:
    port = free_port()
    with pytest.raises(StoreUnavailable, match=rf"^127\.0\.0\.1:{port}: no answer .*start the collector"):
        send(f"http://127.0.0.1:{port}", "")


@pytest.mark.parametrize(
    "address",
    [
        "http://[bad/",
        "http://127.0.0.1:999999/",
        "http://collector:port/",
        "http://collector:0/",
        "http:///v1/calls",
        "http://a..b/",
        f"http://{'long' * 20}.example/",
        "collector:9110",
        "",
    ],
)
def test_an_address_that_no_call_will_ever_reach_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^HERE: must be the address of a collector such as") as raised:
        CollectorCalls(address, token="", setting="HERE")
    assert repr(address) in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://me:hunter2@collector:9110",
        "http://hunter2@collector:9110",
        "http://:hunter2@collector:9110",
        "http://me:1/hunter2@collector:9110",
        "http://collector:9110?token=hunter2",
        "http://collector:9110#hunter2",
    ],
)
def test_an_address_is_no_place_for_a_secret_and_shows_none(address: str) -> None:
    with pytest.raises(ConfigError, match=r"its secret belongs into STREAM_DETECTOR_COLLECTOR_TOKEN") as raised:
        CollectorCalls(address, token="", setting="HERE")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("address", ["http://collector", "https://[::1]:9110", "http://é.example/behind/a/proxy/"])
def test_an_address_may_be_of_any_host_and_behind_a_path(address: str) -> None:
    CollectorCalls(address, token="", setting="HERE")


@pytest.mark.parametrize("token", ["", "another-token-of-sixteen"])
def test_a_wrong_token_is_for_the_operator(collector: ListeningCollector, token: str) -> None:
    with pytest.raises(ConfigError, match="check address and token"):
        send(collector.url, token)
