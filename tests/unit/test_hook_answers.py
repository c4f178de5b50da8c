import json

import pytest

from stream_detector.domain.decisions import Action, Limit
from stream_detector.domain.verdicts import Cause, Verdict
from stream_detector.hook.answers import Dialect, answer

LIMIT = Limit(requests=30, window_s=60.0, burst=5)
OVER_LIMIT = Verdict(Action.THROTTLE, Cause.OVER_LIMIT, LIMIT, 0, 7.2)
ABNORMAL = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"


def blocked(retry_after_s: float = 600.0) -> Verdict:
    return Verdict(Action.BLOCK, Cause.DECISION, retry_after_s=retry_after_s)


@pytest.mark.parametrize("cause", list(Cause))
def test_allowed_is_an_empty_200_without_headers(cause: Cause) -> None:
    response = answer(Verdict(Action.ALLOW, cause), Dialect.HTTP)

    assert (response.status, response.headers, response.body) == (200, [], b"")


def test_marked_is_200_with_a_mark_for_the_model_layer() -> None:
    response = answer(Verdict(Action.MARK, Cause.DECISION), Dialect.HTTP)

    assert (response.status, response.headers) == (200, [("x-stream-detector-mark", "1")])


def test_within_the_limit_is_200_with_the_clients_own_limit() -> None:
    response = answer(Verdict(Action.ALLOW, Cause.WITHIN_LIMIT, LIMIT, 3), Dialect.HTTP)

    assert response.status == 200
    assert dict(response.headers) == {"ratelimit-policy": '"default";q=30;w=60', "ratelimit": '"default";r=3'}


def test_a_marked_call_within_the_limit_tells_the_model_the_mark_and_the_client_the_limit() -> None:
    response = answer(Verdict(Action.ALLOW, Cause.WITHIN_LIMIT, LIMIT, 3, mark="canary-7"), Dialect.HTTP)

    assert response.status == 200
    assert response.for_model == [("x-stream-detector-mark", "canary-7")]
    assert dict(response.for_client).keys() == {"ratelimit-policy", "ratelimit"}


@pytest.mark.parametrize("dialect", Dialect)
def test_a_refusal_tells_nobody_the_mark(dialect: Dialect) -> None:
    response = answer(Verdict(Action.THROTTLE, Cause.OVER_LIMIT, LIMIT, 0, 7.2, "canary-7"), dialect)

    assert response.for_model == []
    assert "canary-7" not in str(response)


def test_over_the_limit_is_429_with_the_time_to_wait() -> None:
    response = answer(OVER_LIMIT, Dialect.HTTP)

    assert response.status == 429
    assert dict(response.headers) == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "retry-after": "8",
        "ratelimit-policy": '"default";q=30;w=60',
        "ratelimit": '"default";r=0;t=8',
    }
    assert json.loads(response.body) == {"type": ABNORMAL, "title": "Abnormal Usage Detected", "status": 429}


def test_blocked_is_403_and_says_nothing_but_a_coarse_time_to_wait() -> None:
    response = answer(blocked(), Dialect.HTTP)

    assert response.status == 403
    assert dict(response.headers) == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "retry-after": "3600",
    }
    assert json.loads(response.body) == {"type": ABNORMAL, "title": "Abnormal Usage Detected", "status": 403}


@pytest.mark.parametrize(
    ("left_s", "retry_after"),
    [(0.001, "3600"), (3600, "3600"), (3601, "7200"), (86_400, "86400"), (1e7, "86400"), (float("inf"), "86400")],
)
def test_a_block_is_rounded_up_to_the_hour_and_capped_at_a_day(left_s: float, retry_after: str) -> None:
    assert dict(answer(blocked(left_s), Dialect.HTTP).headers)["retry-after"] == retry_after


def test_the_time_to_wait_is_at_least_one_second() -> None:
    soon = Verdict(Action.THROTTLE, Cause.OVER_LIMIT, LIMIT, 0, 0.0)

    assert dict(answer(soon, Dialect.HTTP).headers)["retry-after"] == "1"


@pytest.mark.parametrize(("verdict", "status"), [(OVER_LIMIT, "429"), (blocked(), "403")])
def test_nginx_gets_every_refusal_as_403_with_the_true_status_beside_it(verdict: Verdict, status: str) -> None:
    plain, nginx = answer(verdict, Dialect.HTTP), answer(verdict, Dialect.NGINX)

    assert nginx.status == 403
    assert dict(nginx.headers) == {**dict(plain.headers), "x-sd-status": status}


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("cause", [Cause.TABLE_STALE, Cause.LIMITER_DOWN])
def test_our_own_trouble_is_503_and_never_a_refusal(cause: Cause, dialect: Dialect) -> None:
    response = answer(Verdict(Action.BLOCK, cause), dialect)

    assert response.status == 503
    assert dict(response.headers)["retry-after"] == "1"
    assert json.loads(response.body)["type"].endswith("#temporary-reduced-capacity")


@pytest.mark.parametrize("dialect", list(Dialect))
def test_an_unidentified_caller_that_may_not_pass_gets_401(dialect: Dialect) -> None:
    response = answer(Verdict(Action.BLOCK, Cause.UNIDENTIFIED), dialect)

    assert response.status == 401
    assert dict(response.headers)["www-authenticate"] == "Bearer"
    assert json.loads(response.body) == {"type": "about:blank", "title": "Unauthorized", "status": 401}
