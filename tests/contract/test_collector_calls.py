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
        calls = CollectorCalls(address, token=token)
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
    with pytest.raises(StoreUnavailable, match="start the collector"):
        send(f"http://127.0.0.1:{free_port()}", "")


@pytest.mark.parametrize("token", ["", "another-token-of-sixteen"])
def test_a_wrong_token_is_for_the_operator(collector: ListeningCollector, token: str) -> None:
    with pytest.raises(ConfigError, match="check address and token"):
        send(collector.url, token)
