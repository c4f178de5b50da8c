"""Real gateways with the files of deploy/gateways, a real hook and a real Redis: what a client gets, and the model sees."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from gateways.fronts import KINDS, Front, Kind, Reply
from gateways.hooks import decision
from gateways.model import ANSWER, Model
from running.hook_process import HookProcess
from servers.processes import free_port, wait_until
from servers.redis_server import RedisServer

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action, Limit, Mode, Origin, Subject, SubjectKind
from stream_detector.ports import Ended, Use

KEYS = {"alice": "key-of-alice", "bob": "key-of-bob", "carol": "key-of-carol"}
TWO_AN_HOUR = Limit(requests=2, window_s=3600.0, burst=2)
PROBLEM = "https://iana.org/assignments/http-problem-types#"


class Installation:
    """A gateway, its hook and their Redis, in front of a model."""

    def __init__(self, kind: Kind, redis: RedisServer, folder: Path, *, fails_open: bool = True) -> None:
        self._kind, self._redis, self._folder, self._fails_open = kind, redis, folder, fails_open
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        failure = "open" if self._fails_open else "closed"
        self.model = self._resources.enter_context(Model())
        settings: dict[str, object] = {
            "redis": self._redis.url,
            "hook_failure": failure,
            "hook_unidentified": "closed",
            "hook_grpc_port": free_port() if self._kind.asks_by_grpc else 0,
        }
        self.hook = HookProcess(settings, self._folder / "hook.log")
        self._resources.callback(self.hook.close)
        self.hook.wait_ready()
        files = self._folder / "files"
        files.mkdir()
        self.front = Front(
            self._kind,
            files,
            hook=self.hook.grpc_address if self._kind.asks_by_grpc else self.hook.address,
            model=f"127.0.0.1:{self.model.port}",
            fails_open=self._fails_open,
        )
        self._resources.callback(self.front.close)
        wait_until(lambda: self.call("carol").status == 200, "the gateway reaches hook and model")
        self.model.seen.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def decide(
        self, client: str, action: Action, *, limit: Limit | None = None, origin: Origin = Origin.ENGINE
    ) -> None:
        """Let a decision stand for an hour."""
        now_s = time.time()
        made = decision(
            client, action, mode=Mode.ENFORCE, limit=limit, origin=origin, decided_at=now_s, expires_at=now_s + 3600
        )

        async def put() -> None:
            async with RedisStores(self._redis.url, prefix="sd", profile_ttl_s=3600.0) as stores:
                await stores.decisions.put([made], now_s)

        asyncio.run(put())

    def settles(self, client: str, call: str, limit: Limit) -> bool:
        """Settle a call as a worker does; whether it was open."""
        ended = Ended(Subject(SubjectKind.CLIENT, client), limit, Use(call, 1, 1))

        async def settle() -> bool:
            async with RedisStores(self._redis.url, prefix="sd", profile_ttl_s=3600.0) as stores:
                return (await stores.limiter.settle_all([ended], time.time())) == [True]

        return asyncio.run(settle())

    def call(self, client: str | None, **headers: str) -> Reply:
        """One call with the key of a client."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.front.call(None if client is None else KEYS[client], named)

    def until(self, client: str, status: int, within_s: float = 5.0) -> Reply:
        """Call until the status is this one."""
        replies: list[Reply] = []

        def answered() -> bool:
            replies.append(self.call(client))
            return replies[-1].status == status

        wait_until(answered, f"{client} gets {status}", within_s)
        return replies[-1]


@pytest.fixture(params=KINDS, ids=lambda kind: str(kind.name))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    if found.program() is None:
        pytest.skip(f"{found.name} is not installed; run `make servers`")
    return found


@pytest.fixture
def installation(kind: Kind, private_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    with Installation(kind, private_redis, tmp_path) as started:
        yield started


@pytest.fixture
def closed(kind: Kind, private_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    """One that refuses calls when it cannot know."""
    with Installation(kind, private_redis, tmp_path, fails_open=False) as started:
        yield started


def problem_of(reply: Reply) -> dict[str, object]:
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    found: dict[str, object] = json.loads(reply.body)
    assert found["status"] == reply.status
    return found


def test_a_call_passes_unchanged_and_nobody_names_itself(installation: Installation) -> None:
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 403)
    installation.model.seen.clear()

    reply = installation.call("alice", x_client_id="carol", x_stream_detector_mark="forged")
    assert (reply.status, reply.body) == (200, ANSWER)
    (seen,) = installation.model.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat/completions?stream=1", b"{}")
    assert seen.headers.get_all("x-client-id") == ["alice"]
    assert not any(value for value in seen.headers.get_all("x-stream-detector-mark", []))

    assert installation.call("bob", x_client_id="alice").status == 403, "a header of the client opened the gate"


def test_a_throttled_client_gets_429_and_the_model_never_hears_of_it(installation: Installation) -> None:
    installation.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    reply = installation.until("alice", 429)
    assert problem_of(reply)["type"] == f"{PROBLEM}abnormal-usage-detected"
    assert 0 < int(reply.headers["retry-after"]) <= 3600
    assert reply.headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert reply.headers["ratelimit"].startswith('"default";r=0;t=')

    installation.model.seen.clear()
    assert {installation.call("alice").status for _ in range(5)} == {429}
    assert installation.model.seen == []
    assert installation.call("bob").status == 200


def test_a_client_within_its_limit_sees_what_is_left(installation: Installation) -> None:
    installation.decide("alice", Action.THROTTLE, limit=Limit(requests=1000, window_s=3600.0, burst=1000))

    def is_counted() -> bool:
        return "ratelimit" in installation.call("alice").headers

    wait_until(is_counted, "the client sees its limit")
    reply = installation.call("alice")
    assert reply.status == 200
    assert reply.headers["ratelimit-policy"] == '"default";q=1000;w=3600'


def test_tokens_that_a_call_did_not_use_come_back(kind: Kind, installation: Installation) -> None:
    if not kind.settles:
        pytest.skip(f"the file of {kind.name} does not tell what a call has used")
    reserves_for_three_calls = 1500
    limit = Limit(
        requests=1000,
        window_s=3600.0,
        burst=1000,
        input_tokens=reserves_for_three_calls,
        output_tokens=reserves_for_three_calls,
    )
    installation.decide("alice", Action.THROTTLE, limit=limit)
    wait_until(lambda: "ratelimit" in installation.call("alice").headers, "the client is limited")
    for _ in range(10):
        installation.until("alice", 200)


def test_hook_and_model_get_the_same_id_of_a_call_and_nothing_that_the_client_says_of_it(
    kind: Kind, installation: Installation
) -> None:
    reserves_for_two_calls = Limit(requests=1000, window_s=3600.0, burst=1000, output_tokens=1000)
    installation.decide("alice", Action.THROTTLE, limit=reserves_for_two_calls)
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 403)  # the hook has heard of alice before
    forged = {"x_request_id": "forged", "x_stream_detector_input_tokens": "0", "x_stream_detector_output_tokens": "0"}

    replies = [installation.call("alice", **forged).status for _ in range(3)]

    assert replies == ([200, 200, 200] if kind.settles else [200, 200, 429])
    ids = [seen.headers.get_all("x-request-id") for seen in installation.model.seen]
    assert len({tuple(each) for each in ids}) == len(ids)
    assert ["forged"] not in ids
    if not kind.settles:
        assert [installation.settles("alice", call, reserves_for_two_calls) for (call,) in ids] == [True, True]


def test_a_blocked_client_gets_403_and_one_that_is_allowed_passes_within_a_second(installation: Installation) -> None:
    installation.decide("alice", Action.BLOCK)
    reply = installation.until("alice", 403)
    assert problem_of(reply)["type"] == f"{PROBLEM}abnormal-usage-detected"
    assert int(reply.headers["retry-after"]) == 3600

    installation.decide("alice", Action.ALLOW, origin=Origin.OPERATOR)
    installation.until("alice", 200, within_s=1.0)


def test_a_throttled_client_that_is_allowed_passes_within_a_second(installation: Installation) -> None:
    installation.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    installation.until("alice", 429)
    installation.decide("alice", Action.ALLOW, origin=Origin.OPERATOR)
    installation.until("alice", 200, within_s=1.0)


def test_the_model_learns_of_a_mark_and_the_client_does_not(installation: Installation) -> None:
    installation.decide("alice", Action.MARK)

    def is_marked() -> bool:
        reply = installation.call("alice")
        assert reply.status == 200
        assert "x-stream-detector-mark" not in reply.headers
        return installation.model.seen[-1].headers["x-stream-detector-mark"] == "1"

    wait_until(is_marked, "the model sees the mark")
    installation.call("bob")
    assert not installation.model.seen[-1].headers["x-stream-detector-mark"]


def test_a_call_without_a_key_is_refused(installation: Installation) -> None:
    reply = installation.call(None)
    assert reply.status == 401
    assert installation.model.seen == []


def test_without_a_hook_calls_pass(installation: Installation) -> None:
    installation.hook.kill()
    assert [installation.call("alice").status for _ in range(3)] == [200, 200, 200]


def test_with_a_hook_that_hangs_calls_pass(installation: Installation) -> None:
    installation.hook.freeze()
    assert installation.call("alice").status == 200


def test_without_a_hook_calls_are_refused_where_that_is_wanted(closed: Installation) -> None:
    closed.hook.kill()
    assert {closed.call("alice").status for _ in range(3)} <= {502, 503}
    assert closed.model.seen == []


def test_with_a_hook_that_hangs_calls_are_refused_where_that_is_wanted(closed: Installation) -> None:
    closed.hook.freeze()
    assert closed.call("alice").status in {503, 504}
    assert closed.model.seen == []


def test_without_redis_a_throttled_client_passes(installation: Installation, private_redis: RedisServer) -> None:
    installation.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    installation.until("alice", 429)
    private_redis.stop()
    assert installation.call("alice").status == 200


def test_without_redis_a_throttled_client_is_refused_where_that_is_wanted(
    closed: Installation, private_redis: RedisServer
) -> None:
    closed.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    closed.until("alice", 429)
    private_redis.stop()
    closed.model.seen.clear()
    assert closed.call("alice").status == 503
    assert closed.model.seen == []
    assert closed.call("bob").status == 200, "who has no decision needs no Redis"
