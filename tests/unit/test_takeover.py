"""Habits, and a client that becomes another."""

import msgspec
import pytest

from stream_detector.detection.detectors.takeover import Takeover
from stream_detector.detection.examples import START_S, example_call, example_context
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.habits import BUSY, DAY_S, JUDGED_DAYS, HabitWindow
from stream_detector.detection.windows.models import model_hash
from stream_detector.domain.calls import ApiCall, Params
from stream_detector.domain.signals import Reading, Scored, Warming

_Fields = dict[str, object]
DAYS = 10
OPENED_S = START_S - 60 * DAY_S
OWNER: _Fields = {
    "ip": "192.0.2.7",
    "ua": "app/1",
    "ja4": "a",
    "model": "small",
    "params": Params(temperature=0.2),
    "client_created_ts": OPENED_S,
}
THIEF: _Fields = {"ip": "203.0.113.9", "ua": "loop/9", "ja4": "b", "model": "large", "params": Params(temperature=1.0)}
PROGRAM: _Fields = {name: THIEF[name] for name in ("ua", "ja4", "model", "params")}
"""All that differs in a program of the same owner that runs where the old one does."""
_LARGE, _OTHER = (model_hash("large"),), (model_hash("other"),)


def call_of(number: int, ts: float, fields: _Fields) -> ApiCall:
    call = example_call(number, gap_s=0.0, same_head=True)
    return msgspec.structs.replace(call, ts=ts, **fields)


def a_day(profile: Profile, day: int, fields: _Fields, *, calls: int = 40, gap_s: float = 600.0) -> None:
    for number in range(calls):
        profile.observe(call_of(number, START_S + day * DAY_S + number * gap_s, fields))


def established(days: int = DAYS, changed: _Fields | None = None) -> Profile:
    """Forty calls a day in the same hours, always the same way."""
    profile = Profile()
    for day in range(days):
        a_day(profile, day, OWNER | (changed or {}))
    return profile


def read(profile: Profile) -> Reading:
    return Takeover().score(profile, example_context(profile))


def suspicion(profile: Profile) -> float:
    reading = read(profile)
    assert isinstance(reading, Scored)
    return reading.suspicion


def after(changed: _Fields, *, calls: int = 80, hours: float = 20.0) -> float:
    """Suspicion after a day on which calls have some other fields."""
    profile = established()
    a_day(profile, DAYS, OWNER | changed, calls=calls, gap_s=hours * 3600 / calls)
    return suspicion(profile)


def test_a_key_in_other_hands_is_suspected() -> None:
    assert after(THIEF) > 0.98


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ip": THIEF["ip"]},
        {"model": "large", "params": THIEF["params"]},
        {"ip": "192.0.2.99", **PROGRAM},
    ],
    ids=["nothing", "moved servers", "another model", "another program on a machine beside"],
)
def test_what_owners_do_is_nothing(changed: _Fields) -> None:
    assert after(changed) == 0.0


def test_moving_with_new_software_is_nothing() -> None:
    assert after({"ip": "192.0.77.1", "ua": "app/2"}, hours=6.0) == 0.0


def test_more_habits_more_calls_more_hours_and_more_volume_are_more_suspicion() -> None:
    three = {name: THIEF[name] for name in ("ip", "ua", "model")}
    assert after(three) < after(THIEF)
    assert after(three, calls=10) < after(three, calls=40)
    assert after(three, hours=2.0) < after(three, hours=20.0)
    assert after(three, calls=80) < after(three, calls=800)


def test_a_benchmark_of_two_hours_on_a_hired_machine_is_no_takeover() -> None:
    assert after(THIEF, calls=2000, hours=2.0) < 0.75


def test_a_day_of_measuring_a_model_that_is_new_to_everybody_is_hardly_a_takeover() -> None:
    profile = established()
    for day in range(DAYS, DAYS + 3):
        a_day(profile, day, OWNER | THIEF)
        new, usual = (Takeover().score(profile, example_context(profile, released=new)) for new in (_LARGE, _OTHER))
        assert isinstance(new, Scored)
        assert isinstance(usual, Scored)
        if day == DAYS:
            assert new.suspicion < 0.6
        assert new.suspicion < usual.suspicion
        assert usual.suspicion > 0.95


def test_the_owner_may_go_on_beside() -> None:
    profile = established()
    for number in range(80):
        for fields in (OWNER, OWNER | THIEF):
            profile.observe(call_of(number, START_S + DAYS * DAY_S + number * 900.0, fields))
    assert suspicion(profile) > 0.98


def test_growth_alone_is_nothing() -> None:
    assert after({}, calls=500) == 0.0


def test_changes_on_different_days_are_nothing() -> None:
    profile = established()
    fields = dict(OWNER)
    for day, name in enumerate(("ip", "ua", "model", "params")):
        fields[name] = THIEF[name]
        a_day(profile, DAYS + day, fields)
        assert suspicion(profile) == 0.0


def test_calls_without_an_address_are_nothing() -> None:
    profile = established(changed={"ip": None})
    a_day(profile, DAYS, OWNER | THIEF | {"ip": None})
    assert suspicion(profile) == 0.0


def test_a_young_account_is_still_being_set_up() -> None:
    profile = established(changed={"client_created_ts": START_S})
    a_day(profile, DAYS, OWNER | THIEF | {"client_created_ts": START_S})
    assert isinstance(read(profile), Warming)


def roamer() -> Profile:
    """At home: every day another network of the same carrier."""
    profile = Profile()
    for day in range(DAYS):
        a_day(profile, day, OWNER | {"ip": f"77.{day}.3.4"})
    return profile


def test_where_networks_always_change_another_operator_is_elsewhere() -> None:
    at_home, elsewhere = roamer(), roamer()
    a_day(at_home, DAYS, OWNER | PROGRAM | {"ip": "77.200.3.4"})
    a_day(elsewhere, DAYS, OWNER | THIEF)
    assert suspicion(at_home) == 0.0
    assert suspicion(elsewhere) > 0.9


def test_a_line_at_home_that_changed_yesterday_still_has_habits() -> None:
    profile = established()
    a_day(profile, DAYS, OWNER | {"ip": "192.0.78.4"})
    a_day(profile, DAYS + 1, OWNER | THIEF, calls=80, gap_s=900.0)
    assert suspicion(profile) > 0.98


def test_what_is_always_new_is_never_strange() -> None:
    profile = Profile()
    for day in range(12):
        for number in range(40):
            fields: _Fields = {"ip": f"{11 + day}.{number}.7.1", "ua": f"tool/{day}.{number}", "model": f"m{day}"}
            profile.observe(call_of(number, START_S + day * DAY_S + number * 600.0, OWNER | fields))
    assert suspicion(profile) == 0.0


def test_a_busy_day_is_sampled() -> None:
    window = HabitWindow()
    for number in range(BUSY + 400):
        window.observe(call_of(number, START_S, OWNER))
    assert window.calls == BUSY + 400
    assert window.looked == BUSY + 100


def test_a_thief_is_no_owner_the_next_day_but_some_days_later() -> None:
    profile = established()
    for day in range(JUDGED_DAYS + 1):
        a_day(profile, DAYS + day, OWNER | THIEF)
        assert suspicion(profile) > 0.95
    a_day(profile, DAYS + JUDGED_DAYS + 1, OWNER | THIEF)
    assert suspicion(profile) == 0.0


def test_a_change_is_learned_once_a_day_has_passed_without() -> None:
    profile = established()
    a_day(profile, DAYS, OWNER | THIEF)
    a_day(profile, DAYS + 1, OWNER)
    a_day(profile, DAYS + 2, OWNER | THIEF)
    assert suspicion(profile) == 0.0


def test_habits_are_not_dulled_by_a_change_that_is_judged() -> None:
    profile = established()
    usual = bytes(profile.habits.usual)
    for day in range(JUDGED_DAYS + 2):
        a_day(profile, DAYS + day, OWNER | THIEF)
    assert bytes(profile.habits.usual) == usual
