import asyncio

import pytest
from gateways.hooks import NOON_S, FakeLimiter, HandClock, HandTimer, RecordingObserver, decision

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.identity import Identity
from stream_detector.domain.limits import Admission, Ask, Use
from stream_detector.domain.verdicts import Cause, Failure
from stream_detector.hook.answers import Headers
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.http import HookApp
from stream_detector.hook.judge import Doubt, Judge
from stream_detector.hook.table import DecisionTable


class Request:
    """A request as RSGI presents it, and what was answered."""

    def __init__(self, path: str, *clients: str, **fields: str) -> None:
        self.path = path
        self.clients = list(clients)
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}
        self.status = 0
        self.body = b""

    @property
    def headers(self) -> "Request":
        return self

    def get_all(self, key: str) -> list[str]:
        return self.clients if key == "x-client-id" else [self.fields[key]] if key in self.fields else []

    def response_empty(self, status: int, headers: Headers) -> None:  # noqa: ARG002
        self.status = status

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:  # noqa: ARG002
        self.status, self.body = status, body


class Bench:
    """An application whose table blocks alice and throttles tom."""

    def __init__(self, *, table_was_read: bool = True) -> None:
        self.observer, timer = RecordingObserver(), HandTimer()
        freshness = Freshness(timer, stale_after_s=300.0)
        if table_was_read:
            freshness.prove()
        table = DecisionTable()
        table.put(decision("alice"))
        table.put(decision("tom", Action.THROTTLE))
        refused = Admission(allowed=False, remaining=0, retry_after_s=3.0, reset_after_s=3.0)
        self.limiter = FakeLimiter(refused)
        self.reported: list[ApiCall] = []
        judge = Judge(
            table=table,
            freshness=freshness,
            limiter=self.limiter,
            clock=HandClock(),
            observer=self.observer,
            doubt=Doubt(failure=Failure.OPEN, unidentified=Failure.OPEN, limiter_timeout_s=1.0),
        )
        self.app = HookApp(
            judge=judge,
            freshness=freshness,
            broadcast=None,
            observer=self.observer,
            render_metrics=lambda: b"up 1\n",
            identity=Identity(),
            client_header="X-Client-Id",
            call_header="X-Request-Id",
            report=self.reported.append,
            clock=HandClock(),
            timer=timer,
        )

    def ask(self, path: str, *clients: str, **fields: str) -> Request:
        request = Request(path, *clients, **fields)
        asyncio.run(self.app.__rsgi__(request, request))
        return request

    def cause_for(self, *clients: str) -> Cause:
        self.ask("/check", *clients)
        return self.observer.verdicts[-1].cause


@pytest.mark.parametrize("path", ["/check", "/check/", "/check/v1/chat/completions", "/check/../metrics"])
def test_every_path_below_check_is_a_question(path: str) -> None:
    bench = Bench()

    assert bench.ask(path, "alice").status == 403
    assert bench.ask(path, "bob").status == 200
    assert bench.ask(path, "tom").status == 429


@pytest.mark.parametrize("path", ["/check-nginx", "/check-nginx/v1/models"])
def test_nginx_has_its_own_path(path: str) -> None:
    assert Bench().ask(path, "tom").status == 403


@pytest.mark.parametrize("path", ["/", "/checkout", "/check-nginxx", "/metricsx", ""])
def test_other_paths_are_not_found(path: str) -> None:
    assert Bench().ask(path, "alice").status == 404


def test_an_id_that_a_call_event_could_carry_is_looked_up() -> None:
    bench = Bench()

    for client in ("bob", "a b", "x" * 256, "über"):
        assert bench.cause_for(client) is Cause.NO_DECISION


@pytest.mark.parametrize(
    "clients",
    [(), ("",), ("x" * 257,), ("a\tb",), ("a\x7f",), ("alice", "bob"), ("alice", "alice")],
    ids=["missing", "empty", "too long", "tab", "delete", "two", "twice"],
)
def test_anything_else_is_unidentified(clients: tuple[str, ...]) -> None:
    assert Bench().cause_for(*clients) is Cause.UNIDENTIFIED


def test_the_hook_is_alive_always_and_ready_once_the_table_was_read() -> None:
    bench, fresh = Bench(table_was_read=False), Bench()

    assert (bench.ask("/healthz").status, bench.ask("/readyz").status) == (200, 503)
    assert (fresh.ask("/healthz").status, fresh.ask("/readyz").status) == (200, 200)


def test_metrics_are_rendered() -> None:
    assert Bench().ask("/metrics").body == b"up 1\n"


def test_every_answer_is_observed_with_its_verdict_and_other_pages_are_not() -> None:
    bench = Bench()

    bench.ask("/check", "alice")
    bench.ask("/check/x", "bob")
    bench.ask("/metrics")

    assert [verdict.action for verdict in bench.observer.verdicts] == [Action.BLOCK, Action.ALLOW]
    assert bench.observer.seconds == [0.0, 0.0]


NEEDS = {"x_request_id": "r-1", "x_stream_detector_input_tokens": "30", "x_stream_detector_output_tokens": "400"}


def test_a_limited_client_asks_for_what_the_gateway_expects() -> None:
    bench = Bench()
    bench.ask("/check", "tom", **NEEDS)
    assert bench.limiter.asks == [Ask(1, "r-1", 30, 400)]


def test_a_settled_call_is_counted_for_a_limited_client_only() -> None:
    bench = Bench()
    assert bench.ask("/settle", "tom", **NEEDS).body == b"counted\n"
    assert (
        bench.ask("/settle", "alice", **NEEDS).body
        == bench.ask("/settle", "bob", **NEEDS).body
        == b"nothing to count\n"
    )
    assert [use for _, _, use in bench.limiter.settled] == [Use("r-1", 30, 400)]


def test_nobody_can_be_settled_without_a_name() -> None:
    request = Bench().ask("/settle", **NEEDS)
    assert (request.status, request.body) == (400, b"send one header x-client-id with the client id\n")


def test_a_limiter_that_is_away_cannot_settle() -> None:
    bench = Bench()
    bench.limiter.answer = StoreUnavailable("gone")
    assert bench.ask("/settle", "tom", **NEEDS).status == 503


def test_every_call_that_was_asked_about_is_reported() -> None:
    bench = Bench()
    where = {"x_forwarded_for": "6.6.6.6, 203.0.113.7", "user_agent": "OpenAI/Python 1.75.0", "x_request_id": "r-1"}
    bench.ask("/check/v1/chat/completions", "bob", **where)
    bench.ask("/check-nginx/v1/models", "tom")
    bench.ask("/check", "alice")
    passed, throttled, blocked = bench.reported
    assert passed == ApiCall(
        id="r-1",
        ts=NOON_S,
        client="bob",
        ip="203.0.113.7",
        ua="OpenAI/Python 1.75.0",
        route="/v1/chat/completions",
    )
    assert (throttled.client, throttled.route, throttled.status) == ("tom", "/v1/models", 429)
    assert (blocked.client, blocked.route, blocked.status) == ("alice", None, 403)
    assert len({call.id for call in bench.reported}) == 3


def test_calls_of_nobody_are_not_reported() -> None:
    bench = Bench()
    bench.ask("/check")
    assert bench.reported == []


def test_an_address_that_is_none_is_left_out() -> None:
    bench = Bench()
    bench.ask("/check", "bob", x_forwarded_for="203.0.113.7, not an address")
    assert [call.ip for call in bench.reported] == [None]
