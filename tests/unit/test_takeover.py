"""Habits, and a client that becomes another."""

import msgspec
import pytest

from stream_detector.detection.detectors.takeover import Takeover
from stream_detector.detection.examples import START_S, example_call, example_context
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.habits import BUSY, DAY_S, HabitWindow
from stream_detector.domain.calls import ApiCall, Params
from stream_detector.domain.signals import Reading, Scored

_Fields = dict[str, object]
OWNER: _Fields = {"ip": "192.0.2.7", "ua": "app/1", "ja4": "a", "model": "small", "params": Params(temperature=0.2)}
THIEF: _Fields = {"ip": "203.0.113.9", "ua": "loop/9", "ja4": "b", "model": "large", "params": Params(temperature=1.0)}


def call_of(number: int, ts: float, fields: _Fields) -> ApiCall:
    call = example_call(number, gap_s=0.0, same_head=True)
    return msgspec.structs.replace(call, ts=ts, **fields)


def established(days: int = 10, a_day: int = 40) -> Profile:
    """Ten days, forty calls a day in the same hours, always the same way."""
    profile = Profile()
    for day in range(days):
        for number in range(a_day):
            profile.observe(call_of(number, START_S + day * DAY_S + number * 600.0, OWNER))
    return profile


def after(changed: _Fields, *, beside: bool = False, calls: int = 40) -> Reading:
    """What is said after a day on which calls have some other fields."""
    profile = established()
    for number in range(calls):
        ts = START_S + 10 * DAY_S + number * 300.0
        profile.observe(call_of(number, ts, OWNER | changed))
        if beside:
            profile.observe(call_of(number, ts, OWNER))
    return Takeover().score(profile, example_context(profile))


def suspicion(reading: Reading) -> float:
    assert isinstance(reading, Scored)
    return reading.suspicion


def test_a_key_in_other_hands_is_suspected() -> None:
    assert suspicion(after(THIEF, beside=True)) > 0.99


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ip": THIEF["ip"]},
        {"model": "large", "params": THIEF["params"]},
        {"ip": THIEF["ip"], "ua": "app/2"},
    ],
    ids=["nothing", "moved servers", "another model", "moved with new software"],
)
def test_one_or_two_habits_broken_are_nothing(changed: _Fields) -> None:
    assert suspicion(after(changed)) == 0.0


def test_more_habits_more_calls_and_the_owner_beside_are_more_suspicion() -> None:
    three = {name: THIEF[name] for name in ("ip", "ua", "model")}
    assert suspicion(after(three)) < suspicion(after(THIEF))
    assert suspicion(after(three)) < suspicion(after(three, beside=True))
    assert suspicion(after(three, calls=10)) < suspicion(after(three, calls=40))
    assert suspicion(after(three, calls=40)) < suspicion(after(three, calls=400))


def test_growth_alone_is_nothing() -> None:
    assert suspicion(after({}, calls=500)) == 0.0


def test_changes_on_different_days_are_nothing() -> None:
    profile = established()
    fields = dict(OWNER)
    for day, name in enumerate(("ip", "ua", "model", "params")):
        fields[name] = THIEF[name]
        for number in range(40):
            profile.observe(call_of(number, START_S + (10 + day) * DAY_S + number * 600.0, fields))
        assert suspicion(Takeover().score(profile, example_context(profile))) == 0.0


def test_what_is_always_new_is_never_strange() -> None:
    window = HabitWindow()
    for day in range(12):
        for number in range(40):
            fields: _Fields = {"ip": f"{11 + day}.{number}.7.1", "ua": f"tool/{day}.{number}", "model": f"m{day}"}
            window.observe(call_of(number, START_S + day * DAY_S + number * 600.0, OWNER | fields))
    assert window.odd_calls() == 0


def test_a_busy_day_is_sampled() -> None:
    window = HabitWindow()
    for number in range(BUSY + 400):
        window.observe(call_of(number, START_S, OWNER))
    assert window.calls == BUSY + 400
    assert window.looked == BUSY + 100


def test_the_thief_is_known_two_active_days_later() -> None:
    profile = established()
    for day in range(3):
        for number in range(40):
            profile.observe(call_of(number, START_S + (10 + day) * DAY_S + number * 600.0, THIEF))
    assert suspicion(Takeover().score(profile, example_context(profile))) == 0.0
