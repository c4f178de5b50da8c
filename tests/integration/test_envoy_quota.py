"""A real Envoy with envoy-quota.yaml, a real hook and a real Redis: Envoy enforces what it was assigned before."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from gateways.fronts import QUOTA, Front
from gateways.installations import KEYS, Installation
from gateways.model import ANSWER
from servers.processes import wait_until
from servers.redis_server import RedisServer

from stream_detector.domain.decisions import Action, Limit, Origin

FOUR_AN_HOUR = Limit(requests=4, window_s=3600.0, burst=4)
ASSIGNMENT_ENDS_WITHIN_S = 30.0
ENVOY_REPORTS_WITHIN_S = 15.0

pytestmark = pytest.mark.skipif(QUOTA.program() is None, reason="Envoy is not installed; run `make servers`")


@pytest.fixture
def installation(private_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    with Installation(QUOTA, private_redis, tmp_path) as started:
        yield started


@pytest.fixture
def closed(private_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    """One that refuses calls when it cannot know."""
    with Installation(QUOTA, private_redis, tmp_path, fails_open=False) as started:
        yield started


def is_refused(front: Front, client: str) -> bool:
    return front.call(KEYS[client]).status == 429


def pass_until_refused(front: Front, client: str) -> int:
    """How many calls pass from the first one that does."""
    wait_until(lambda: front.call(KEYS[client]).status == 200, f"{client} passes", 5.0)
    passed = 1
    while front.call(KEYS[client]).status == 200:
        passed += 1
    return passed


def test_a_call_passes_unchanged_and_nobody_names_itself(installation: Installation) -> None:
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 429)
    installation.model.seen.clear()

    reply = installation.call("alice", x_client_id="carol", x_stream_detector_mark="forged")
    assert (reply.status, reply.body) == (200, ANSWER)
    (seen,) = installation.model.seen
    assert seen.headers.get_all("x-client-id") == ["alice"]
    assert "x-stream-detector-mark" not in seen.headers
    assert installation.call("bob", x_client_id="alice").status == 429, "a header of the client opened the gate"
    assert installation.call(None).status == 401


def test_a_refusal_is_a_429_with_all_that_the_file_says_and_the_model_never_hears_of_it(
    installation: Installation,
) -> None:
    installation.decide("alice", Action.BLOCK)
    reply = installation.until("alice", 429)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    assert int(reply.headers["retry-after"]) > 0
    problem = json.loads(reply.body)
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"
    assert problem["status"] == 429

    installation.model.seen.clear()
    assert {installation.call("alice").status for _ in range(5)} == {429}
    assert installation.model.seen == []
    assert installation.call("bob").status == 200


@pytest.mark.parametrize(("action", "limit"), [(Action.BLOCK, None), (Action.THROTTLE, FOUR_AN_HOUR)])
def test_a_client_that_is_allowed_passes_within_a_second(
    installation: Installation, action: Action, limit: Limit | None
) -> None:
    installation.decide("alice", action, limit=limit)
    installation.until("alice", 429)
    installation.decide("alice", Action.ALLOW, origin=Origin.OPERATOR)
    installation.until("alice", 200, within_s=1.0)
    assert {installation.call("alice").status for _ in range(10)} == {200}


def test_two_envoys_share_one_limit(installation: Installation) -> None:
    first, second = installation.front, installation.another_front("second")
    installation.decide("alice", Action.BLOCK)
    for front in (first, second):
        wait_until(partial(is_refused, front, "alice"), "alice is blocked", 5.0)
    installation.decide("alice", Action.THROTTLE, limit=FOUR_AN_HOUR)
    assert [pass_until_refused(front, "alice") for front in (first, second)] == [2, 2]


def test_without_redis_a_throttled_client_stays_within_its_limit(
    installation: Installation, private_redis: RedisServer
) -> None:
    installation.decide("alice", Action.THROTTLE, limit=FOUR_AN_HOUR)
    installation.until("alice", 429)
    private_redis.stop()
    assert {installation.call("alice").status for _ in range(5)} == {429}
    assert installation.call("bob").status == 200


def test_without_a_hook_what_was_assigned_stands_for_a_while_and_then_calls_pass_until_it_returns(
    installation: Installation,
) -> None:
    installation.decide("alice", Action.BLOCK)
    installation.until("alice", 429)
    installation.hook.kill()
    assert installation.call("alice").status == 429
    assert installation.call("bob").status == 200
    installation.until("alice", 200, within_s=ASSIGNMENT_ENDS_WITHIN_S)
    installation.start_hook()
    installation.until("alice", 429, within_s=ENVOY_REPORTS_WITHIN_S)


def test_without_a_hook_calls_are_refused_in_the_end_where_that_is_wanted(closed: Installation) -> None:
    closed.hook.kill()
    assert closed.call("carol").status == 200, "what was assigned stands for a while"
    closed.model.seen.clear()
    assert {closed.call("alice").status for _ in range(3)} == {429}, "nothing was assigned"
    assert closed.model.seen == []
    closed.until("carol", 429, within_s=ASSIGNMENT_ENDS_WITHIN_S)
