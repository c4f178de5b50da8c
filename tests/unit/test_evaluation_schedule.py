"""When a client is evaluated."""

import pytest

from stream_detector.detection.profile import EVALUATE_BUSY_S, EVALUATE_MOST_CALLS, EVALUATE_S, Profile, Standing


def _client(calls: int, fresh: int, waited_s: float = 1.0, risk: float = 0.0) -> Profile:
    return Profile(
        first_ts=0.0,
        last_ts=10_000.0 + waited_s,
        calls=calls,
        evaluated_calls=calls - fresh,
        evaluated_ts=10_000.0,
        standing=Standing(risk=risk),
    )


def _first_due(calls: int, waited_s: float = 1.0, risk: float = 0.0) -> int:
    return next(fresh for fresh in range(1, calls + 1) if _client(calls, fresh, waited_s, risk).due())


@pytest.mark.parametrize(("calls", "after"), [(16, 16), (256, 16), (512, 32), (1024, 64), (1_000_000, 64)])
def test_a_busy_client_is_evaluated_after_a_sixteenth_more_calls(calls: int, after: int) -> None:
    assert _first_due(calls) == after


def test_a_busy_client_is_evaluated_every_five_minutes_all_the_same() -> None:
    assert _first_due(100_000, waited_s=EVALUATE_BUSY_S) == 16


def test_a_suspicious_client_is_evaluated_as_often_as_a_new_one() -> None:
    assert _first_due(100_000, risk=0.2) == 16


def test_a_slow_client_is_evaluated_once_half_an_hour_has_passed() -> None:
    assert _first_due(1000, waited_s=EVALUATE_S) == 5
    assert _first_due(1000, waited_s=EVALUATE_S - 1) == 16


def test_no_client_waits_for_more_calls_than_the_most() -> None:
    assert _client(10_000_000, EVALUATE_MOST_CALLS).due()
