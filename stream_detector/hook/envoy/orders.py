"""What stands for a client -> the assignment that Envoy's quota filter gets for its bucket.

1. A block denies all, a throttle is a token bucket with a share of its limit, everything else allows all: a mark cannot be
   told, and a shadow limits nothing.
2. When the hook cannot know, the operator's `Failure` setting is assigned.
3. An assignment ends unless it is renewed, so that an Envoy without a hook does what its own configuration says.

Envoy 1.40 knows no other strategies; it reads whole seconds only, and takes an assignment without an end for one that has
ended. It does not notice a change of `fill_interval`, so that is always the same.

Sources: `envoy/service/rate_limit_quota/v3/rlqs.proto`, `envoy/type/v3/ratelimit_strategy.proto`, and trials with Envoy 1.40.
"""

from enum import Enum, auto
from typing import Final, TypeAlias

from envoy.service.rate_limit_quota.v3.rlqs_pb2 import BucketId, RateLimitQuotaResponse
from envoy.type.v3.ratelimit_strategy_pb2 import RateLimitStrategy

from stream_detector.domain.decisions import Action, Limit, Mode, SubjectKind
from stream_detector.domain.verdicts import Failure
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.table import DecisionTable
from stream_detector.ports import Clock

BucketAction: TypeAlias = RateLimitQuotaResponse.BucketAction

LIFETIME_S: Final = 15
"""Of an assignment: three reports of an Envoy, which renew it."""
_FILL_S: Final = 1_000_000
"""In which `tokens_per_fill` come: from 1 in 12 days to 4,294 a second, and one a day is told to 4 %."""
_MAX_UINT32 = (1 << 32) - 1


class Blanket(Enum):
    """One answer for all calls."""

    ALLOW = auto()
    DENY = auto()


Order = Blanket | Limit


class Orders:
    """Says what stands.

    Args:
        table: the decisions.
        freshness: of the table.
        clock: event time.
        failure: what to do when the table is too old.
        unidentified: what to do with calls that name no client.
    """

    def __init__(
        self, *, table: DecisionTable, freshness: Freshness, clock: Clock, failure: Failure, unidentified: Failure
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._clock = clock
        self._failure = _cannot_know(failure)
        self._unidentified = _cannot_know(unidentified)

    def of(self, client: str | None) -> Order:
        """What calls of a client get; None for those that name none."""
        if client is None:
            return self._unidentified
        if self._freshness.is_stale():
            return self._failure
        standing = self._table.find(SubjectKind.CLIENT, client, self._clock.now_s())
        if standing is None or standing.ruling.mode is Mode.SHADOW:
            return Blanket.ALLOW
        ruling = standing.ruling
        if ruling.action is Action.BLOCK:
            return Blanket.DENY
        if ruling.action is Action.THROTTLE and ruling.limit is not None:
            return ruling.limit
        return Blanket.ALLOW


def _cannot_know(failure: Failure) -> Blanket:
    return Blanket.ALLOW if failure is Failure.OPEN else Blanket.DENY


def assigned(bucket: BucketId, order: Order, share: float) -> BucketAction:
    """The order in Envoy's words.

    Args:
        bucket: whom it is for.
        order: what stands.
        share: of a limit, above 0 and at most 1.
    """
    action = BucketAction(bucket_id=bucket)
    action.quota_assignment_action.assignment_time_to_live.seconds = LIFETIME_S
    strategy = action.quota_assignment_action.rate_limit_strategy
    if isinstance(order, Limit):
        tokens = strategy.token_bucket
        tokens.max_tokens = _within_uint32(order.burst * share)
        tokens.tokens_per_fill.value = _within_uint32(order.requests / order.window_s * share * _FILL_S)
        tokens.fill_interval.seconds = _FILL_S
    else:
        strategy.blanket_rule = RateLimitStrategy.ALLOW_ALL if order is Blanket.ALLOW else RateLimitStrategy.DENY_ALL
    return action


def abandoned(bucket: BucketId) -> BucketAction:
    """Envoy forgets the bucket, and reports it anew with its client's next call."""
    action = BucketAction(bucket_id=bucket)
    action.abandon_action.SetInParent()
    return action


def _within_uint32(number: float) -> int:
    return max(1, round(min(number, _MAX_UINT32)))
