"""The middleware with hand-made scopes: what the application hears of, and what the client gets."""

import asyncio

import anyio
import pytest
from gateways.asgi_bench import ALICE, MARK, Bench, alone, on_one_loop
from gateways.hooks import decision

from stream_detector.domain.decisions import Action, Limit
from stream_detector.domain.identity import Evidence, Identity
from stream_detector.domain.verdicts import Cause, Failure
from stream_detector.hook.asgi_answers import Message


def test_a_call_passes_and_its_answer_is_neither_changed_nor_gathered() -> None:
    bench = Bench(decision("bob"))
    sent = alone(bench, ALICE)
    assert sent[0]["headers"] == [(b"x-app", b"1")]
    assert [message.get("body") for message in sent[1:]] == [b"one", b"two"]
    assert [verdict.cause for verdict in bench.observer.verdicts] == [Cause.NO_DECISION]


def test_a_blocked_call_never_reaches_the_application() -> None:
    bench = Bench(decision("alice"))
    start, body = alone(bench, ALICE)
    headers = dict(start["headers"])
    assert (start["status"], headers[b"retry-after"]) == (403, b"3600")
    assert headers[b"content-length"] == b"%d" % len(body["body"])
    assert bench.app.scopes == []


def test_a_limited_client_sees_what_is_left_and_then_is_refused() -> None:
    bench = Bench(decision("alice", Action.THROTTLE, limit=Limit(requests=1, window_s=3600.0, burst=1)))

    async def story() -> list[list[Message]]:
        return [await bench.call(ALICE) for _ in range(2)]

    (passed, *_), (refused, _) = on_one_loop(bench, story)
    assert dict(passed["headers"])[b"ratelimit"] == b'"default";r=0'
    assert dict(passed["headers"])[b"x-app"] == b"1"
    assert refused["status"] == 429
    assert len(bench.app.scopes) == 1


def test_a_marked_call_carries_the_mark_and_its_answer_does_not() -> None:
    bench = Bench(decision("alice", Action.MARK))
    start, *_ = alone(bench, ALICE, (MARK, b"forged"))
    assert [value for name, value in bench.app.scopes[0]["headers"] if name == MARK] == [b"1"]
    assert MARK not in dict(start["headers"])


def test_a_throttled_call_that_passes_can_carry_a_mark_and_its_answer_the_limit() -> None:
    bench = Bench(decision("alice", Action.THROTTLE, limit=Limit(1, 3600.0), mark="canary-7"))
    start, *_ = alone(bench, ALICE, (MARK, b"forged"))
    assert [value for name, value in bench.app.scopes[0]["headers"] if name == MARK] == [b"canary-7"]
    assert dict(start["headers"])[b"ratelimit"] == b'"default";r=0'
    assert MARK not in dict(start["headers"])


def test_a_forged_mark_is_removed() -> None:
    bench = Bench()
    alone(bench, ALICE, (b"X-Stream-Detector-Mark", b"1"), (MARK, b"1"))
    assert bench.app.scopes[0]["headers"] == [ALICE]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [ALICE, ALICE],
        [(b"x-client-id", b"")],
        [(b"x-client-id", b"al\xffice")],
        [(b"x-client-id", b"a\tb")],
        [(b"x-client-id", b"a" * 257)],
    ],
)
@pytest.mark.parametrize(("failure", "status"), [(Failure.OPEN, 200), (Failure.CLOSED, 401)])
def test_a_call_without_one_usable_client_id_is_unidentified(
    headers: list[tuple[bytes, bytes]], failure: Failure, status: int
) -> None:
    bench = Bench(decision("alice"), failure=failure)
    assert alone(bench, *headers)[0]["status"] == status
    assert bench.observer.verdicts[0].cause is Cause.UNIDENTIFIED


def test_the_client_can_be_what_the_application_authenticated() -> None:
    bench = Bench(decision("alice"), client_of=lambda scope: "alice" if scope["type"] == "http" else None)
    assert alone(bench, (b"x-client-id", b"bob"))[0]["status"] == 403


def test_a_key_becomes_a_client_id_before_anybody_is_asked() -> None:
    identity = Identity(Evidence.KEY, salt=b"a salt of this test")
    bench = Bench(decision(identity.of("sk-of-alice") or ""), identity=identity)
    assert alone(bench, (b"x-client-id", b"Bearer sk-of-alice"))[0]["status"] == 403


def test_a_call_is_open_until_its_answer_has_ended() -> None:
    limit = Limit(requests=1000, window_s=3600.0, burst=1000, streams=1)
    bench = Bench(decision("alice", Action.THROTTLE, limit=limit))

    async def story() -> list[int]:
        bench.app.may_end.clear()
        first = asyncio.create_task(bench.call(ALICE))
        await bench.app.arrived.wait()
        during = await bench.call(ALICE)
        bench.app.may_end.set()
        await first
        after = await bench.call(ALICE)
        return [during[0]["status"], after[0]["status"]]

    assert on_one_loop(bench, story) == [429, 200]


def test_a_call_that_a_scope_of_anyio_cancels_is_open_no_more() -> None:
    limit = Limit(requests=1000, window_s=3600.0, burst=1000, streams=1)
    bench = Bench(decision("alice", Action.THROTTLE, limit=limit))

    async def story() -> int:
        bench.app.may_end.clear()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.call, ALICE)
            await bench.app.arrived.wait()
            tasks.cancel_scope.cancel()
        bench.app.may_end.set()
        return int((await bench.call(ALICE))[0]["status"])

    assert on_one_loop(bench, story) == 200


@pytest.mark.parametrize(("used", "second"), [(100_000, 429), (0, 200)])
def test_a_call_counts_with_the_tokens_that_the_application_names(used: int, second: int) -> None:
    limit = Limit(requests=1000, window_s=3600.0, burst=1000, output_tokens=600)
    bench = Bench(decision("alice", Action.THROTTLE, limit=limit))
    bench.app.output_tokens = used

    async def story() -> int:
        await bench.call(ALICE)
        return int((await bench.call(ALICE))[0]["status"])

    assert on_one_loop(bench, story) == second


def test_what_is_no_call_is_not_touched() -> None:
    bench = Bench(decision("alice"))
    alone(bench, ALICE, (MARK, b"1"), kind="something new")
    assert bench.app.scopes[0]["headers"] == [ALICE, (MARK, b"1")]
    assert bench.observer.verdicts == []


def test_it_follows_the_store_from_startup_until_shutdown() -> None:
    bench = Bench(decision("alice"))
    events = ["lifespan.startup", "lifespan.shutdown"]
    ready: list[int] = []

    async def receive() -> Message:
        return {"type": events.pop(0)}

    async def send(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            ready.append(bench.opened)
            assert (await bench.call(ALICE))[0]["status"] == 403

    asyncio.run(bench.middleware({"type": "lifespan"}, receive, send))
    assert (ready, bench.opened, events) == ([1], 1, [])


def test_without_a_lifespan_the_first_calls_start_it_once_and_wait_for_the_decisions() -> None:
    bench = Bench(decision("alice"))

    async def story() -> list[list[Message]]:
        return await asyncio.gather(*(bench.call(ALICE) for _ in range(5)))

    assert {sent[0]["status"] for sent in on_one_loop(bench, story)} == {403}
    assert bench.opened == 1


def test_it_starts_anew_where_it_finds_another_event_loop() -> None:
    bench = Bench(decision("alice"))
    assert [asyncio.run(bench.call(ALICE))[0]["status"] for _ in range(3)] == [403, 403, 403]
    assert bench.opened == 3


@pytest.mark.parametrize(("failure", "status"), [(Failure.OPEN, 200), (Failure.CLOSED, 503)])
def test_trouble_that_nobody_foresaw_is_left_to_the_failure_setting(failure: Failure, status: int) -> None:
    bench = Bench(decision("alice"), failure=failure, trouble=RuntimeError("unforeseen"))
    assert alone(bench, ALICE)[0]["status"] == status
