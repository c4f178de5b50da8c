"""The policy ladder, the valve, fusion and calibration."""

import msgspec
import pytest

from stream_detector.detection.calibration import Calibrator, surprise
from stream_detector.detection.fuse import BACKING, CERTAIN, FREE, STRONG, SUFFICIENT, Risk, fuse
from stream_detector.detection.ladder import climb
from stream_detector.detection.policy import Mark, Policy, ValvePolicy
from stream_detector.detection.profile import Profile, Standing
from stream_detector.detection.valve import Valve
from stream_detector.domain.decisions import Action, Mode, Reason
from stream_detector.domain.signals import Family

NOW_S = 1_000_000.0
POLICY = Policy()


def reason(detector: str, family: Family, weight: float) -> Reason:
    return Reason(detector, family, 0.9, weight, {"x": 1.0})


def risk_of(value: float, *families: Family) -> Risk:
    return Risk(value, frozenset(families), ())


NO_RISK = risk_of(0.0)
TWO = (Family.TIMING, Family.NETWORK)


def test_evidence_of_one_family_counts_once() -> None:
    alone = fuse([reason("a", Family.CONTENT, 2.5)])
    both = fuse([reason("a", Family.CONTENT, 2.5), reason("b", Family.CONTENT, 2.0)])
    assert both.value == alone.value == pytest.approx((2.5 - FREE) / CERTAIN)


@pytest.mark.parametrize("family", sorted(set(Family) - SUFFICIENT - {Family.CONTENT}))
def test_no_soft_family_but_the_content_throttles_alone(family: Family) -> None:
    risk = fuse([reason("a", family, 6.0)])
    assert risk.value < POLICY.throttle.risk
    assert climb(POLICY, Standing(), risk, risk, NOW_S) is None


def test_content_alone_throttles_where_it_is_plain_and_never_blocks() -> None:
    assert fuse([reason("a", Family.CONTENT, 2.8)]).value < POLICY.throttle.risk
    plain = fuse([reason("a", Family.CONTENT, 6.0), reason("b", Family.TIMING, 6.0)])
    assert plain.value > POLICY.block.risk
    step = climb(POLICY, Standing(), plain, plain, NOW_S)
    assert step is not None
    assert step.action is Action.THROTTLE


def test_hard_and_steady_work_together_do_not_throttle() -> None:
    work = [reason("a", Family.VOLUME, 6.0), reason("b", Family.TIMING, 6.0)]
    assert fuse(work).value < Policy().throttle.risk
    assert fuse(work).value == fuse(work[:1]).value
    assert fuse([*work, reason("c", Family.CONTENT, 1.0)]).value > Policy().throttle.risk


def test_a_block_needs_strong_hard_evidence_and_something_to_back_it() -> None:
    network, content = FREE + STRONG, FREE + BACKING
    backed = fuse([reason("a", Family.NETWORK, network), reason("b", Family.CONTENT, content)])
    assert backed.families == {Family.NETWORK, Family.CONTENT}
    assert fuse([reason("a", Family.NETWORK, network - 0.1)]).families == frozenset()
    assert fuse([reason("b", Family.CONTENT, content - 0.1)]).families == frozenset()


@pytest.mark.parametrize("effort", [Family.VOLUME, Family.TIMING])
def test_an_owner_who_works_hard_on_new_machines_is_not_blocked(effort: Family) -> None:
    assert fuse([reason("a", Family.NETWORK, 6.0), reason("b", effort, 6.0)]).families == {Family.NETWORK}
    assert fuse([reason("a", Family.PARAMETERS, 6.0), reason("b", effort, 6.0)]).families == {Family.PARAMETERS, effort}


def test_independent_families_add_up() -> None:
    risk = fuse([reason("a", Family.CONTENT, 2.6), reason("b", Family.TIMING, 2.0)])
    assert risk.value == pytest.approx((2.6 + 2.0 - 2 * FREE) / CERTAIN)
    assert risk.families == {Family.CONTENT, Family.TIMING}
    assert [each.detector for each in risk.reasons] == ["a", "b"]


def test_weak_signals_never_add_up() -> None:
    risk = fuse([reason(family, family, FREE) for family in Family])
    assert risk.value == 0.0
    assert risk.reasons == ()


def test_low_risk_is_left_alone() -> None:
    assert climb(POLICY, Standing(), NO_RISK, NO_RISK, NOW_S) is None


def test_risk_leads_to_a_throttle_and_more_of_it_to_a_block() -> None:
    throttle = climb(POLICY, Standing(), risk_of(0.5, *TWO), risk_of(0.5, *TWO), NOW_S)
    block = climb(POLICY, Standing(), risk_of(0.9, *TWO), risk_of(0.9, *TWO), NOW_S)
    assert throttle is not None
    assert block is not None
    assert (throttle.action, block.action) == (Action.THROTTLE, Action.BLOCK)
    assert throttle.duration_s == POLICY.throttle.duration_s


def test_hard_work_alone_never_blocks() -> None:
    work = risk_of(1.0, Family.VOLUME, Family.TIMING, Family.CONTENT)
    step = climb(POLICY, Standing(), work, work, NOW_S)
    assert step is not None
    assert step.action is Action.THROTTLE


def test_repetition_is_forgotten_after_a_long_time() -> None:
    standing = Standing(strikes=10, expires_at=NOW_S - POLICY.repeat.forget_s - 1)
    step = climb(POLICY, standing, risk_of(0.5), risk_of(0.5), NOW_S)
    assert step is not None
    assert step.strikes == 1


@pytest.mark.parametrize("family", list(Family))
def test_one_family_alone_never_blocks(family: Family) -> None:
    step = climb(POLICY, Standing(), risk_of(1.0, family), risk_of(1.0, family), NOW_S)
    assert step is not None
    assert step.action is Action.THROTTLE


def test_a_throttled_client_is_raised_to_a_block_at_once() -> None:
    standing = Standing(action=Action.THROTTLE, expires_at=NOW_S + 3000, strikes=1)
    step = climb(POLICY, standing, risk_of(0.9, *TWO), risk_of(0.9, *TWO), NOW_S)
    assert step is not None
    assert step.action is Action.BLOCK


def test_a_live_decision_is_not_repeated() -> None:
    standing = Standing(action=Action.THROTTLE, expires_at=NOW_S + 3000, strikes=1)
    assert climb(POLICY, standing, risk_of(0.5, *TWO), risk_of(0.5, *TWO), NOW_S) is None


def test_a_decision_is_renewed_before_it_ends_while_the_risk_is_above_release() -> None:
    standing = Standing(action=Action.THROTTLE, expires_at=NOW_S + 60, strikes=1)
    held = risk_of(POLICY.throttle.release, Family.CONTENT)
    step = climb(POLICY, standing, held, held, NOW_S)
    assert step is not None
    assert step.renewed
    assert step.duration_s == POLICY.throttle.duration_s * POLICY.repeat.factor


def test_a_decision_ends_when_the_risk_is_below_release() -> None:
    standing = Standing(action=Action.THROTTLE, expires_at=NOW_S + 60, strikes=1)
    low = risk_of(POLICY.throttle.release - 0.01, Family.CONTENT)
    assert climb(POLICY, standing, low, low, NOW_S) is None


def test_hysteresis_holds_on_a_moment_after_the_end() -> None:
    held = risk_of(POLICY.throttle.release, Family.CONTENT)
    just_ended = Standing(action=Action.THROTTLE, expires_at=NOW_S - 60, strikes=1)
    long_ended = Standing(action=Action.THROTTLE, expires_at=NOW_S - 86_400, strikes=1)
    assert climb(POLICY, just_ended, held, held, NOW_S) is not None
    assert climb(POLICY, long_ended, held, held, NOW_S) is None


def test_repetition_lasts_longer_up_to_the_cap() -> None:
    durations = []
    for strikes in range(12):
        step = climb(POLICY, Standing(strikes=strikes, expires_at=NOW_S - 1), risk_of(0.6), risk_of(0.6), NOW_S)
        assert step is not None
        durations.append(step.duration_s)
    assert durations == sorted(durations)
    assert durations[1] == 2 * durations[0]
    assert durations[-1] == POLICY.repeat.max_duration_s


def test_a_client_starts_afresh_after_a_long_time() -> None:
    standing = Standing(strikes=5, expires_at=NOW_S - POLICY.repeat.forget_s - 1)
    step = climb(POLICY, standing, risk_of(0.6), risk_of(0.6), NOW_S)
    assert step is not None
    assert step.duration_s == POLICY.throttle.duration_s


def test_shadow_policy_makes_shadow_steps() -> None:
    shadow = msgspec.structs.replace(POLICY, mode=Mode.SHADOW)
    step = climb(shadow, Standing(), risk_of(0.6), risk_of(0.6), NOW_S)
    assert step is not None
    assert step.mode is Mode.SHADOW


def test_evidence_of_shadow_detectors_makes_shadow_steps() -> None:
    step = climb(POLICY, Standing(), NO_RISK, risk_of(0.9, *TWO), NOW_S)
    assert step is not None
    assert (step.action, step.mode) == (Action.BLOCK, Mode.SHADOW)


def test_a_shadow_decision_gives_way_to_an_enforced_one() -> None:
    standing = Standing(action=Action.BLOCK, mode=Mode.SHADOW, expires_at=NOW_S + 9000, strikes=1)
    step = climb(POLICY, standing, risk_of(0.6), risk_of(0.9, *TWO), NOW_S)
    assert step is not None
    assert (step.action, step.mode) == (Action.THROTTLE, Mode.ENFORCE)


def test_an_enforced_decision_is_not_replaced_by_a_shadow_one() -> None:
    standing = Standing(action=Action.THROTTLE, mode=Mode.ENFORCE, expires_at=NOW_S + 3000, strikes=1)
    assert climb(POLICY, standing, NO_RISK, risk_of(0.9, *TWO), NOW_S) is None


MARKING = msgspec.structs.replace(POLICY, mark=Mark(risk=0.3, release=0.2))


def test_nobody_is_marked_unless_the_policy_says_so() -> None:
    below = risk_of(POLICY.throttle.risk - 0.01)
    assert climb(POLICY, Standing(), below, below, NOW_S) is None


@pytest.mark.parametrize(
    ("held", "risk", "action"),
    [
        (Action.ALLOW, 0.29, None),
        (Action.ALLOW, 0.3, Action.MARK),
        (Action.MARK, 0.2, Action.MARK),
        (Action.MARK, 0.19, None),
        (Action.MARK, 0.39, Action.MARK),
        (Action.MARK, 0.4, Action.THROTTLE),
        (Action.THROTTLE, 0.3, Action.THROTTLE),
        (Action.THROTTLE, 0.299, None),
    ],
)
def test_a_mark_is_the_rung_below_the_throttle(held: Action, risk: float, action: Action | None) -> None:
    step = climb(MARKING, Standing(action=held, expires_at=NOW_S + 1), risk_of(risk), risk_of(risk), NOW_S)
    assert (step.action if step else None) is action


def test_a_mark_is_no_strike_and_its_successor_is_a_new_action() -> None:
    mark = climb(MARKING, Standing(strikes=3, expires_at=NOW_S), risk_of(0.35), risk_of(0.35), NOW_S)
    assert mark is not None
    assert (mark.strikes, mark.duration_s, mark.renewed) == (3, 86_400.0, False)
    marked = Standing(action=Action.MARK, expires_at=NOW_S + 1000, strikes=3)
    throttle = climb(MARKING, marked, risk_of(0.5), risk_of(0.5), NOW_S)
    assert throttle is not None
    assert not throttle.renewed, "the safety valve must see it"


def active_valve(clients: int) -> Valve:
    valve = Valve()
    for _ in range(clients):
        valve.count(Profile(), NOW_S)
    return valve


def test_valve_opens_when_a_large_share_would_be_acted_on() -> None:
    valve = active_valve(100)
    policy = ValvePolicy(share=0.1, min_clients=5)
    admitted = [valve.admits(f"client {number}", NOW_S, policy) for number in range(20)]
    assert admitted == [True] * 10 + [False] * 10
    assert valve.is_open


def test_valve_stays_shut_up_to_its_minimum() -> None:
    valve = active_valve(10)
    policy = ValvePolicy(share=0.1, min_clients=5)
    assert [valve.admits(f"client {number}", NOW_S, policy) for number in range(6)] == [True] * 5 + [False]


def test_valve_counts_a_client_once() -> None:
    valve = active_valve(100)
    policy = ValvePolicy(share=0.1, min_clients=0)
    assert all(valve.admits("same", NOW_S + second, policy) for second in range(50))


def test_valve_closes_after_ten_quiet_minutes() -> None:
    valve = active_valve(10)
    policy = ValvePolicy(share=0.1, min_clients=0)
    for number in range(5):
        valve.admits(f"client {number}", NOW_S, policy)
    assert valve.is_open
    valve.rest(NOW_S + 599)
    assert valve.is_open
    valve.rest(NOW_S + 601)
    assert not valve.is_open


def test_valve_closes_when_anybody_calls_after_ten_quiet_minutes() -> None:
    valve = active_valve(10)
    for number in range(5):
        valve.admits(f"client {number}", NOW_S, ValvePolicy(share=0.1, min_clients=0))
    valve.count(Profile(), NOW_S + 599)
    assert valve.is_open
    valve.count(Profile(), NOW_S + 601)
    assert not valve.is_open


def test_a_client_is_active_once_per_slot() -> None:
    valve, profile = Valve(), Profile()
    for second in range(100):
        valve.count(profile, NOW_S + second)
    assert valve.active == 1
    valve.count(profile, NOW_S + 600)
    assert (valve.active, valve.active_before) == (1, 1)


def test_calibration_takes_evidence_away_where_honest_clients_score_high() -> None:
    calibrator = Calibrator()
    for _ in range(1000):
        calibrator.learn(0.99)
    assert calibrator.evidence(0.99, 0) < 0.1
    assert calibrator.evidence(0.99999, 0) == pytest.approx(surprise(0.99999))


def test_calibration_adds_no_evidence() -> None:
    calibrator = Calibrator()
    for _ in range(5000):
        calibrator.learn(0.1)
    assert calibrator.evidence(0.9, 0) == pytest.approx(1.0)
    assert Calibrator().evidence(0.9, 0) == pytest.approx(1.0)


def test_what_a_client_said_itself_today_does_not_speak_for_it() -> None:
    calibrator = Calibrator()
    for _ in range(24):
        calibrator.learn(0.999)
    assert calibrator.evidence(0.999, 24) == pytest.approx(3.0)
    assert calibrator.evidence(0.999, 0) < 1.0


def test_an_old_client_is_compared_with_its_like_as_a_new_one_is() -> None:
    calibrator = Calibrator()
    for number in range(2000):
        calibrator.learn(0.99 if number % 5 == 0 else 0.1)
    assert calibrator.evidence(0.99, 1440) == pytest.approx(calibrator.evidence(0.99, 0), abs=0.1)


def test_calibration_forgets() -> None:
    calibrator = Calibrator()
    for _ in range(20_000):
        calibrator.learn(0.5)
    assert calibrator.total <= 8192 + 1
