"""Verdicts -> `RateLimitResponse`: one status per descriptor, in their order, and what the client gets.

1. A status has limit, remaining calls and seconds wherever there is a limit: Envoy can make headers of them.
2. The headers are those of the HTTP hook, for the strictest verdict. A mark is not for the client, so it is left out.
3. The filter refuses with 429 whatever the reason, so the body says 429 for a block, too.
"""

import math
from collections.abc import Sequence
from typing import Final

from envoy.config.core.v3.base_pb2 import HeaderValue
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitResponse

from stream_detector.domain.decisions import Action, Limit
from stream_detector.domain.verdicts import Cause, Verdict
from stream_detector.hook.answers import Dialect, answer
from stream_detector.hook.envoy.units import nearest_rate

_STRICTNESS: Final = {Action.ALLOW: 0, Action.MARK: 0, Action.THROTTLE: 1, Action.BLOCK: 2}
_MAX_UINT32 = (1 << 32) - 1
_BODY: Final = answer(Verdict(Action.THROTTLE, Cause.OVER_LIMIT), Dialect.HTTP).body


def response_of(verdicts: Sequence[Verdict | None]) -> RateLimitResponse:
    """The verdicts in Envoy's words; None for a descriptor that nothing is said about."""
    response = RateLimitResponse(overall_code=RateLimitResponse.OK, statuses=[_status(each) for each in verdicts])
    strictest = max((each for each in verdicts if each is not None), key=_strictness, default=None)
    if strictest is None:
        return response
    response.response_headers_to_add.extend(
        HeaderValue(key=name, value=value) for name, value in answer(strictest, Dialect.HTTP).for_client
    )
    if _refuses(strictest):
        response.overall_code = RateLimitResponse.OVER_LIMIT
        response.raw_body = _BODY
    return response


def _status(verdict: Verdict | None) -> RateLimitResponse.DescriptorStatus:
    status = RateLimitResponse.DescriptorStatus(code=RateLimitResponse.OK)
    if verdict is None:
        return status
    if _refuses(verdict):
        status.code = RateLimitResponse.OVER_LIMIT
        coarse_s = next(value for name, value in answer(verdict, Dialect.HTTP).headers if name == "retry-after")
        status.duration_until_reset.FromSeconds(int(coarse_s))
    elif verdict.limit is not None:
        status.duration_until_reset.FromSeconds(_refill_s(verdict.limit, verdict.remaining or 0))
    if verdict.limit is not None:
        rate = nearest_rate(verdict.limit)
        status.current_limit.requests_per_unit = rate.requests
        status.current_limit.unit = RateLimitResponse.RateLimit.Unit.Value(rate.unit.name)
        status.limit_remaining = min(verdict.remaining or 0, _MAX_UINT32)
    return status


def _refuses(verdict: Verdict) -> bool:
    return _STRICTNESS[verdict.action] > 0


def _strictness(verdict: Verdict) -> tuple[int, float, float]:
    remaining = math.inf if verdict.remaining is None else verdict.remaining
    return _STRICTNESS[verdict.action], verdict.retry_after_s, -remaining


def _refill_s(limit: Limit, remaining: int) -> int:
    """Seconds until the whole burst is there again, to within the time of one call."""
    return min(math.ceil(max(limit.burst - remaining, 0) * limit.window_s / limit.requests), _MAX_UINT32)
