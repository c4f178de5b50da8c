"""The hook over real HTTP, with the stores in memory."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from gateways.asking import Gateway, on_a_loop, until
from gateways.hooks import (
    NOON_S,
    FakeLimiter,
    HandClock,
    RecordingObserver,
    decision,
    doubt,
    hook_with,
    options,
    ready_gateway,
    running_hook,
)
from prometheus_client import CollectorRegistry

from stream_detector.adapters.hook_metrics import PrometheusHookObserver
from stream_detector.adapters.memory import MemoryDecisionStore, MemoryLimiter
from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Origin, Subject
from stream_detector.domain.errors import ConfigError, StoreUnavailable
from stream_detector.domain.limits import ONE_CALL, Admission, Ask
from stream_detector.domain.verdicts import Failure


class UnreachableStore(MemoryDecisionStore):
    """Redis is away."""

    async def changes(self) -> AsyncIterator[Decision | None]:
        message = "nobody answers"
        raise StoreUnavailable(message)
        yield


class GatedLimiter(FakeLimiter):
    """Admits as soon as the test lets it."""

    def __init__(self) -> None:
        super().__init__(Admission(allowed=True, remaining=1, retry_after_s=0, reset_after_s=0))
        self.was_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def admit(self, subject: Subject, limit: Limit, now_s: float, ask: Ask = ONE_CALL) -> Admission:
        self.was_asked.set()
        await self.may_answer.wait()
        return await super().admit(subject, limit, now_s, ask)


@on_a_loop
async def test_each_decision_has_its_answer() -> None:
    async with hook_with(
        decision("blocked", Action.BLOCK),
        decision("marked", Action.MARK),
        decision("allowed", Action.ALLOW),
        decision("watched", Action.BLOCK, mode=Mode.SHADOW),
        decision("over", Action.BLOCK, expires_at=NOON_S),
    ) as gateway:
        clients = ("blocked", "marked", "allowed", "watched", "over", "unknown")
        statuses = [(await gateway.ask(client, "/check/v1/chat", "POST")).status for client in clients]
        mark = await gateway.ask("marked")

    assert statuses == [403, 200, 200, 200, 200, 200]
    assert mark.headers["x-stream-detector-mark"] == "1"


@on_a_loop
async def test_a_throttled_client_gets_its_burst_and_then_its_rate() -> None:
    store, clock = MemoryDecisionStore(), HandClock()
    await store.put([decision("tom", Action.THROTTLE, limit=Limit(requests=6, window_s=60.0, burst=2))], NOON_S)

    async with running_hook(store, MemoryLimiter(), clock=clock) as port, ready_gateway(port) as gateway:
        replies = [await gateway.ask("tom") for _ in range(4)]
        clock.time_s += 10
        later = await gateway.ask("tom")

    assert [reply.status for reply in replies] == [200, 200, 429, 429]
    assert replies[2].headers["retry-after"] == "10"
    assert replies[2].headers["ratelimit"] == '"default";r=0;t=10'
    assert later.status == 200


@on_a_loop
async def test_an_operators_allow_cancels_a_block_within_a_second() -> None:
    store = MemoryDecisionStore()
    await store.put([decision("alice", Action.BLOCK)], NOON_S)

    async with running_hook(store, MemoryLimiter()) as port, ready_gateway(port) as gateway:
        assert (await gateway.ask("alice")).status == 403
        await store.put([decision("alice", Action.ALLOW, origin=Origin.OPERATOR)], NOON_S)

        async def passes() -> bool:
            return (await gateway.ask("alice")).status == 200

        await until(passes, "alice passes", within_s=1.0)


@on_a_loop
async def test_two_blocked_clients_get_the_same_bytes() -> None:
    async with hook_with(decision("a"), decision("b", origin=Origin.OPERATOR, expires_at=NOON_S + 1200)) as gateway:
        first, second = await gateway.ask("a"), await gateway.ask("b")

    del first.headers["date"], second.headers["date"]
    assert first == second


@pytest.mark.parametrize(("failure", "status"), [(Failure.OPEN, 200), (Failure.CLOSED, 503)])
@on_a_loop
async def test_a_hook_that_never_reached_its_store_answers_as_set_and_is_not_ready(
    failure: Failure, status: int
) -> None:
    as_set = doubt(failure=failure)

    async with running_hook(UnreachableStore(), MemoryLimiter(), in_doubt=as_set) as port, Gateway(port) as gateway:
        assert (await gateway.ask(path="/readyz")).status == 503
        assert (await gateway.ask(path="/healthz")).status == 200
        assert (await gateway.ask("alice")).status == status


@on_a_loop
async def test_a_question_without_client_is_refused_with_401_where_the_operator_wants_that() -> None:
    async with hook_with(in_doubt=doubt(unidentified=Failure.CLOSED)) as gateway:
        assert (await gateway.ask()).status == 401
        assert (await gateway.ask("")).status == 401
        assert (await gateway.ask("alice")).status == 200


@on_a_loop
async def test_metrics_tell_verdicts_and_table() -> None:
    registry = CollectorRegistry()
    observer = PrometheusHookObserver(registry)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"stream_detector_hook_{name}", labels)

    async with hook_with(decision("alice"), observer=observer) as gateway:
        await gateway.ask("alice")
        await gateway.ask("bob")

        async def counted() -> bool:
            return value("table_subjects", action="block", mode="enforce") == 1

        await until(counted, "alice is counted as blocked")

    assert value("verdicts_total", action="block", cause="decision") == 1
    assert value("verdicts_total", action="allow", cause="no_decision") == 1
    assert value("seconds_count") == 2
    assert b"stream_detector_hook_seconds_bucket" in observer.render()


@on_a_loop
async def test_stopping_finishes_the_open_question_and_closes_idle_connections() -> None:
    limiter, store = GatedLimiter(), MemoryDecisionStore()
    await store.put([decision("tom", Action.THROTTLE)], NOON_S)
    patient = doubt(limiter_timeout_s=20.0)

    async with contextlib.AsyncExitStack() as connections:
        async with running_hook(store, limiter, in_doubt=patient) as port:
            idle = await connections.enter_async_context(ready_gateway(port))
            busy = await connections.enter_async_context(Gateway(port))
            question = asyncio.create_task(busy.ask("tom"))
            await limiter.was_asked.wait()
            asyncio.get_running_loop().call_later(0.1, limiter.may_answer.set)

        assert (await question).status == 200
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await idle.ask("bob")


@on_a_loop
async def test_stopping_does_not_wait_for_ever_for_a_request_that_never_comes() -> None:
    hook = running_hook(MemoryDecisionStore(), MemoryLimiter(), hook_options=options(stop_within_s=0.2))
    async with asyncio.timeout(30), contextlib.AsyncExitStack() as connections, hook as port:
        half = await connections.enter_async_context(Gateway(port))
        await half.send(b"GET /check HT")


@on_a_loop
async def test_a_taken_port_is_the_operators_mistake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        hook = running_hook(MemoryDecisionStore(), MemoryLimiter(), hook_options=options(port=port))
        with pytest.raises(ConfigError, match=rf"hook_port: cannot listen on 127\.0\.0\.1:{port}"):
            await hook.__aenter__()


@on_a_loop
async def test_an_address_of_another_machine_is_the_operators_mistake() -> None:
    hook = running_hook(MemoryDecisionStore(), MemoryLimiter(), hook_options=options(host="192.0.2.1"))
    with pytest.raises(ConfigError, match="choose a free port of this machine"):
        await hook.__aenter__()


@on_a_loop
async def test_a_failing_background_task_ends_the_hook_with_its_error() -> None:
    class BrokenObserver(RecordingObserver):
        def table(self, *_: object) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with running_hook(MemoryDecisionStore(), MemoryLimiter(), observer=BrokenObserver()):
            await asyncio.sleep(0)


@on_a_loop
async def test_an_unforeseen_error_is_a_logged_500_and_the_next_question_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class BuggyLimiter(FakeLimiter):
        async def admit(self, subject: Subject, limit: Limit, now_s: float, ask: Ask = ONE_CALL) -> Admission:
            raise ZeroDivisionError(subject, limit, now_s, ask)

    store = MemoryDecisionStore()
    await store.put([decision("tom", Action.THROTTLE)], NOON_S)
    async with running_hook(store, BuggyLimiter(None)) as port, ready_gateway(port) as gateway:
        statuses = [(await gateway.ask(client)).status for client in ("tom", "alice")]

    assert statuses == [500, 200]
    assert "ZeroDivisionError" in caplog.text
