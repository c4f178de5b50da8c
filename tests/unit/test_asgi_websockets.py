"""The middleware and WebSockets: the handshake is judged like a call over HTTP, and open until the socket ends."""

import asyncio

import pytest
from gateways.asgi_bench import ALICE, MARK, Bench, alone, on_one_loop
from gateways.hooks import decision

from stream_detector.domain.decisions import Action, Limit
from stream_detector.domain.verdicts import Cause, Failure
from stream_detector.hook.asgi_answers import Message, adding

DENIAL = {"websocket.http.response": {}}
THOUSAND_AN_HOUR = Limit(requests=1000, window_s=3600.0, burst=1000)


def test_a_socket_opens_and_what_the_application_sends_is_unchanged() -> None:
    bench = Bench(decision("bob"))
    sent = alone(bench, ALICE, kind="websocket")
    assert sent == [{"type": "websocket.accept", "headers": [(b"x-app", b"1")]}, {"type": "websocket.close"}]
    assert [verdict.cause for verdict in bench.observer.verdicts] == [Cause.NO_DECISION]


def test_a_refused_handshake_gets_the_response_of_a_call_where_the_server_can_send_it() -> None:
    bench = Bench(decision("alice"))
    over_http = alone(bench, ALICE)
    denied = alone(bench, ALICE, kind="websocket", extensions=DENIAL)
    assert [message["type"] for message in denied] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert [{**each, "type": ""} for each in denied] == [{**each, "type": ""} for each in over_http]
    assert bench.app.scopes == []


@pytest.mark.parametrize("extensions", [{"extensions": {}}, {"extensions": None}, {}], ids=["empty", "none", "missing"])
@pytest.mark.parametrize(
    ("action", "failure", "trouble", "code"),
    [
        (Action.BLOCK, Failure.OPEN, None, 1008),
        (Action.THROTTLE, Failure.OPEN, None, 1008),
        (Action.ALLOW, Failure.CLOSED, RuntimeError("unforeseen"), 1013),
    ],
    ids=["block", "throttle", "own trouble"],
)
def test_any_other_server_is_told_to_close(
    action: Action, failure: Failure, trouble: Exception | None, code: int, extensions: dict[str, object]
) -> None:
    bench = Bench(decision("alice", action), failure=failure, trouble=trouble)

    async def story() -> list[Message]:
        if action is Action.THROTTLE:
            await bench.call(ALICE, kind="websocket")
            await bench.call(ALICE, kind="websocket")
        bench.app.scopes.clear()
        return await bench.call(ALICE, kind="websocket", **extensions)

    assert on_one_loop(bench, story) == [{"type": "websocket.close", "code": code, "reason": ""}]
    assert bench.app.scopes == []


def test_a_refused_client_that_has_gone_gets_nothing() -> None:
    bench = Bench(decision("alice"))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: Message) -> None:
        sent.append(message)

    async def story() -> None:
        scope = {"type": "websocket", "headers": [ALICE], "extensions": DENIAL}
        await bench.middleware(scope, receive, send)

    on_one_loop(bench, story)
    assert sent == []
    assert [verdict.cause for verdict in bench.observer.verdicts] == [Cause.DECISION]


def test_a_marked_socket_carries_the_mark_and_its_client_does_not_hear_of_it() -> None:
    bench = Bench(decision("alice", Action.MARK))
    accept, _ = alone(bench, ALICE, (MARK, b"forged"), kind="websocket")
    assert [value for name, value in bench.app.scopes[0]["headers"] if name == MARK] == [b"1"]
    assert accept["headers"] == [(b"x-app", b"1")]


def test_a_mark_that_the_client_forged_is_removed_from_the_handshake() -> None:
    bench = Bench()
    alone(bench, ALICE, (b"X-Stream-Detector-Mark", b"1"), (MARK, b"1"), kind="websocket")
    assert bench.app.scopes[0]["headers"] == [ALICE]


def test_a_client_within_its_limit_sees_what_is_left_when_the_socket_opens() -> None:
    bench = Bench(decision("alice", Action.THROTTLE, limit=THOUSAND_AN_HOUR))
    accept, _ = alone(bench, ALICE, kind="websocket")
    assert accept["headers"][0] == (b"x-app", b"1")
    assert dict(accept["headers"])[b"ratelimit"] == b'"default";r=999'


@pytest.mark.parametrize(
    ("kind", "carries"),
    [
        ("websocket.accept", True),
        ("websocket.http.response.start", True),
        ("websocket.http.response.body", False),
        ("websocket.send", False),
        ("websocket.close", False),
    ],
)
def test_only_what_begins_a_response_carries_headers(kind: str, carries: bool) -> None:  # noqa: FBT001
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def begin() -> None:
        await adding([("ratelimit", "r")], send)({"type": kind})

    asyncio.run(begin())
    assert sent == [{"type": kind, "headers": [(b"ratelimit", b"r")]} if carries else {"type": kind}]


def test_a_socket_is_one_call_and_open_until_it_ends() -> None:
    limit = Limit(requests=3, window_s=3600.0, burst=3, streams=1)
    bench = Bench(decision("alice", Action.THROTTLE, limit=limit))

    async def story() -> list[str]:
        bench.app.may_end.clear()
        first = asyncio.create_task(bench.call(ALICE, kind="websocket"))
        await bench.app.arrived.wait()
        during = await bench.call(ALICE, kind="websocket")
        bench.app.may_end.set()
        await first
        after = [await bench.call(ALICE, kind="websocket") for _ in range(3)]
        return [each[0]["type"] for each in (during, *after)]

    accepted, closed = "websocket.accept", "websocket.close"
    assert on_one_loop(bench, story) == [closed, accepted, accepted, closed]


def test_a_socket_whose_application_is_cancelled_is_open_no_more() -> None:
    limit = Limit(requests=1000, window_s=3600.0, burst=1000, streams=1)
    bench = Bench(decision("alice", Action.THROTTLE, limit=limit))

    async def story() -> str:
        bench.app.may_end.clear()
        first = asyncio.create_task(bench.call(ALICE, kind="websocket"))
        await bench.app.arrived.wait()
        first.cancel()
        await asyncio.wait({first})
        bench.app.may_end.set()
        return str((await bench.call(ALICE, kind="websocket"))[0]["type"])

    assert on_one_loop(bench, story) == "websocket.accept"


@pytest.mark.parametrize(("used", "second"), [(100_000, "websocket.close"), (0, "websocket.accept")])
def test_a_socket_counts_with_the_tokens_that_the_application_names(used: int, second: str) -> None:
    limit = Limit(requests=1000, window_s=3600.0, burst=1000, output_tokens=600)
    bench = Bench(decision("alice", Action.THROTTLE, limit=limit))
    bench.app.output_tokens = used

    async def story() -> str:
        await bench.call(ALICE, kind="websocket")
        return str((await bench.call(ALICE, kind="websocket"))[0]["type"])

    assert on_one_loop(bench, story) == second
