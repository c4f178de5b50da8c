"""Gateways that cannot say what a call has used: the worker hears of it through Kafka, and settles it in Redis."""

import asyncio
import http.client
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gateways.hooks import decision
from running.hook_process import HookProcess
from running.installation import Installation, installed
from running.worker_process import WorkerProcess
from servers.kafka_topics import KafkaTopics, Sent
from servers.processes import wait_until

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Limit, Mode
from stream_detector.wire import calls as wire

TOKENS = Limit(requests=1000, window_s=3600.0, burst=1000, output_tokens=1000)
ONE_AT_A_TIME = Limit(requests=1000, window_s=3600.0, burst=1000, streams=1)


class Case:
    """A worker and a hook, and a gateway that asks and reports, but never settles."""

    def __init__(self, installation: Installation, hook: HookProcess) -> None:
        self.installation = installation
        self.worker = installation.start()
        self._hook = hook

    def throttle(self, limit: Limit, mode: Mode = Mode.ENFORCE) -> None:
        """Limit alice, and wait until the hook knows it."""
        now_s = time.time()
        made = [
            decision("alice", Action.THROTTLE, limit=limit, mode=mode, decided_at=now_s, expires_at=now_s + 3600),
            decision("last", Action.BLOCK, decided_at=now_s, expires_at=now_s + 3600),
        ]

        async def put() -> None:
            redis_url = str(self.installation.settings["redis"])
            async with RedisStores(redis_url, prefix=self.installation.prefix, profile_ttl_s=3600.0) as stores:
                await stores.decisions.put(made, now_s)

        asyncio.run(put())
        wait_until(lambda: self._hook.ask("last") == 403, "the hook has heard of both", 10)

    def check(self, call: str, expects: int = 0) -> int:
        """Ask whether a call of alice may pass; the status of the answer."""
        headers = {
            "x-client-id": "alice",
            "x-request-id": call,
            "x-stream-detector-input-tokens": "1",
            "x-stream-detector-output-tokens": str(expects),
        }
        with closing(http.client.HTTPConnection(self._hook.address, timeout=10)) as connection:
            connection.request("GET", "/check", headers=headers)
            return connection.getresponse().status

    def report(self, *calls: tuple[str, int]) -> None:
        """The calls of these ids ended, with so many output tokens each."""
        ended = [
            ApiCall(id=call, ts=time.time(), client="alice", status=200, output_tokens=used) for call, used in calls
        ]
        self.installation.produce(Sent(b"alice", wire.encode(each)) for each in ended)

    def settlements(self, worker: WorkerProcess, state: str) -> int:
        return int(worker.metric("settlements_total", state=state))

    def wait_settled(self, worker: WorkerProcess, state: str, calls: int) -> None:
        wait_until(lambda: worker.has_ended() or self.settlements(worker, state) == calls, f"{calls} calls {state}", 60)
        assert not worker.has_ended(), worker.output()


@pytest.fixture
def case(kafka_topics: KafkaTopics, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Case]:
    """A parameter holds more settings."""
    more: dict[str, Any] = getattr(request, "param", {})
    with installed(kafka_topics, redis_url, tmp_path, checkpoint_s=300, **more) as installation:
        installation.create_calls(1)
        hook = HookProcess(installation.settings, tmp_path / "hook.log")
        try:
            hook.wait_ready()
            yield Case(installation, hook)
        finally:
            hook.close()


def test_tokens_that_calls_did_not_use_come_back(case: Case) -> None:
    case.throttle(TOKENS)
    assert [case.check(call, expects=500) for call in ("one", "two", "three")] == [200, 200, 429]
    case.report(("one", 10), ("two", 20))
    wait_until(lambda: case.check("three", expects=960) == 200, "the rest of the window is there again", 60)
    assert case.check("four", expects=50) == 429


def test_tokens_that_a_call_used_beyond_are_charged(case: Case) -> None:
    case.throttle(TOKENS)
    assert case.check("one", expects=1) == 200
    case.report(("one", 5000))
    wait_until(lambda: case.check("next", expects=0) == 429, "the debt is waited for", 60)


def test_a_worker_that_is_killed_and_does_its_work_again_counts_every_call_once(case: Case) -> None:
    case.throttle(TOKENS)
    assert [case.check(call, expects=300) for call in ("one", "two")] == [200, 200]
    case.report(("one", 100), ("two", 100), ("never asked about", 100))
    case.wait_settled(case.worker, "counted", 2)
    case.worker.kill()

    case.wait_settled(case.installation.start(), "not_open", 3)
    assert [case.check("three", expects=800), case.check("four", expects=20)] == [200, 429]


@pytest.mark.parametrize("case", [{"hook_calls_to": "kafka"}], indirect=True)
def test_what_the_hook_itself_reports_of_a_call_does_not_end_it(case: Case) -> None:
    case.throttle(ONE_AT_A_TIME)
    assert [case.check("one"), case.check("two")] == [200, 429]
    case.worker.wait_handled(2)
    assert case.check("two") == 429

    case.report(("one", 10))
    wait_until(lambda: case.check("two") == 200, "the next call may be open", 60)


def test_a_shadow_decision_settles_nothing(case: Case) -> None:
    case.throttle(TOKENS, Mode.SHADOW)
    assert case.check("one", expects=5000) == 200
    case.report(("one", 5000))
    case.worker.wait_handled(1)
    assert [case.settlements(case.worker, state) for state in ("counted", "not_open", "failed")] == [0, 0, 0]
