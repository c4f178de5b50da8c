import pytest
from envoy.service.rate_limit_quota.v3.rlqs_pb2 import BucketId
from envoy.type.v3.ratelimit_strategy_pb2 import RateLimitStrategy
from gateways.hooks import HandClock, HandTimer, decision
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, SubjectKind
from stream_detector.domain.verdicts import Failure
from stream_detector.hook.envoy.orders import Blanket, Orders, abandoned, assigned
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.table import DecisionTable

ALICE = BucketId(bucket={"client_id": "alice"})
THIRTY_AN_HOUR = Limit(requests=30, window_s=3600.0, burst=6)
OPEN_AND_CLOSED = [(Failure.OPEN, Blanket.ALLOW), (Failure.CLOSED, Blanket.DENY)]


def orders(
    *decisions: Decision,
    failure: Failure = Failure.OPEN,
    unidentified: Failure = Failure.OPEN,
    is_fresh: bool = True,
    clock: HandClock | None = None,
) -> Orders:
    table, freshness = DecisionTable(), Freshness(HandTimer(), stale_after_s=300.0)
    for each in decisions:
        table.put(each)
    if is_fresh:
        freshness.prove()
    return Orders(
        table=table, freshness=freshness, clock=clock or HandClock(), failure=failure, unidentified=unidentified
    )


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (decision(action=Action.BLOCK), Blanket.DENY),
        (decision(action=Action.THROTTLE, limit=THIRTY_AN_HOUR), THIRTY_AN_HOUR),
        (decision(action=Action.MARK), Blanket.ALLOW),
        (decision(action=Action.ALLOW), Blanket.ALLOW),
        (decision(action=Action.BLOCK, mode=Mode.SHADOW), Blanket.ALLOW),
        (decision(action=Action.THROTTLE, limit=THIRTY_AN_HOUR, mode=Mode.SHADOW), Blanket.ALLOW),
        (decision(action=Action.BLOCK, kind=SubjectKind.NETWORK), Blanket.ALLOW),
        (decision("bob", Action.BLOCK), Blanket.ALLOW),
    ],
)
def test_only_enforced_blocks_and_throttles_of_the_client_limit_it(made: Decision, expected: Blanket | Limit) -> None:
    assert orders(made).of("alice") == expected


def test_a_decision_that_is_over_limits_nobody() -> None:
    clock = HandClock()
    standing = orders(decision(action=Action.BLOCK), clock=clock)
    assert standing.of("alice") is Blanket.DENY
    clock.time_s += 600
    assert standing.of("alice") is Blanket.ALLOW


@pytest.mark.parametrize(("failure", "expected"), OPEN_AND_CLOSED)
def test_without_a_table_the_failure_setting_is_assigned(failure: Failure, expected: Blanket) -> None:
    blocked = decision(action=Action.BLOCK)
    assert orders(blocked, failure=failure, is_fresh=False).of("alice") is expected
    assert orders(failure=failure).of("alice") is Blanket.ALLOW


@pytest.mark.parametrize(("unidentified", "expected"), OPEN_AND_CLOSED)
def test_calls_that_name_no_client_get_what_the_setting_says(unidentified: Failure, expected: Blanket) -> None:
    assert orders(unidentified=unidentified).of(None) is expected


def test_an_assignment_names_its_bucket_and_ends() -> None:
    action = assigned(ALICE, Blanket.DENY, 1.0)
    assert action.bucket_id == ALICE
    assert action.quota_assignment_action.assignment_time_to_live.seconds > 5, "Envoy reports every five seconds"
    assert action.quota_assignment_action.rate_limit_strategy.blanket_rule == RateLimitStrategy.DENY_ALL


def test_to_allow_all_is_said_and_not_left_out() -> None:
    strategy = assigned(ALICE, Blanket.ALLOW, 1.0).quota_assignment_action.rate_limit_strategy
    assert strategy.WhichOneof("strategy") == "blanket_rule"
    assert strategy.blanket_rule == RateLimitStrategy.ALLOW_ALL


def test_an_abandoned_bucket_is_assigned_nothing() -> None:
    action = abandoned(ALICE)
    assert (action.bucket_id, action.WhichOneof("bucket_action")) == (ALICE, "abandon_action")


def test_a_limit_is_a_token_bucket_with_a_share_of_burst_and_rate() -> None:
    tokens = assigned(ALICE, THIRTY_AN_HOUR, 0.5).quota_assignment_action.rate_limit_strategy.token_bucket
    assert tokens.max_tokens == 3
    assert tokens.tokens_per_fill.value / tokens.fill_interval.seconds * 3600 == pytest.approx(15, rel=1e-3)


@given(st.integers(1, 1 << 40), st.floats(1e-3, 1e9), st.integers(1, 1 << 40), st.floats(0, 1, exclude_min=True))
def test_every_limit_can_be_told(requests: int, window_s: float, burst: int, share: float) -> None:
    limit = Limit(requests=requests, window_s=window_s, burst=burst)
    tokens = assigned(ALICE, limit, share).quota_assignment_action.rate_limit_strategy.token_bucket
    assert 1 <= tokens.max_tokens <= max(1, round(burst * share))
    assert tokens.tokens_per_fill.value >= 1
    assert tokens.fill_interval.nanos == 0
    assert tokens.fill_interval.seconds > 0
