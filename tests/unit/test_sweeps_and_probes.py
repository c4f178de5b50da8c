"""What tells a sweep from an evaluation or a study, a walk along the boundary from a red team, and collecting from an app."""

import math
from collections.abc import Iterable

import msgspec
import pytest

from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.base import Detector
from stream_detector.detection.detectors.boundary_probe import BoundaryProbe
from stream_detector.detection.detectors.coverage import Coverage
from stream_detector.detection.detectors.extraction_budget import ExtractionBudget
from stream_detector.detection.detectors.technique_search import TechniqueSearch
from stream_detector.detection.examples import START_S, example_call, example_context
from stream_detector.detection.hashing import hash64
from stream_detector.detection.profile import Profile
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.signals import Scored

DAY_S = 86_400.0


def evidence(detector: Detector, profile: Profile, elicitation: float = 0.5) -> float:
    context = msgspec.structs.replace(example_context(profile), elicitation=elicitation)
    reading = detector.score(profile, context)
    assert isinstance(reading, Scored)
    return -math.log10(max(1e-6, 1.0 - reading.suspicion))


def asked(number: int, day: int, part: float, **sketch: object) -> ApiCall:
    call = example_call(number, gap_s=0.0)
    assert call.sketch is not None
    changed = msgspec.structs.replace(call.sketch, opening=hash64(f"opening {number}") >> 11, **sketch)
    return msgspec.structs.replace(call, ts=START_S + (day + 0.9 * part) * DAY_S, sketch=changed)


def sweep(days: Iterable[int], a_day: int, *, again: bool = False, **sketch: object) -> Profile:
    """So many bare questions on each of these days: new ones, or the same `again`."""
    profile = Profile()
    for turn, day in enumerate(days):
        for number in range(a_day):
            profile.observe(asked(number if again else turn * a_day + number, day, number / a_day, **sketch))
    return profile


def test_an_evaluation_of_a_day_or_two_is_no_sweep_and_five_days_are() -> None:
    one, two, four, six = (evidence(Coverage(), sweep(range(days), 1000)) for days in (1, 2, 4, 6))
    assert one <= two < 1.7
    assert 1.9 < four < six
    assert six > 2.4


def test_a_hundred_questions_a_day_are_a_sweep_after_weeks_and_a_study_on_some_days_is_none() -> None:
    study = [day for day in range(60) if day % 7 < 5 and day % 3]
    assert evidence(Coverage(), sweep(range(45), 100)) > 2.0
    assert evidence(Coverage(), sweep(study, 100)) < 1.6


def hourly(days: int, a_day: int, first_h: int, hours: int) -> Profile:
    """So many new bare questions on each day, from some hour on, spread over so many hours."""
    profile = Profile()
    for day in range(days):
        for number in range(a_day):
            profile.observe(at(asked(day * a_day + number, 0, 0.0), day, first_h + hours * number / a_day))
    return profile


def at(call: ApiCall, day: int, hour: float, agent: str | None = None) -> ApiCall:
    midnight = START_S // DAY_S * DAY_S
    return msgspec.structs.replace(call, ts=midnight + day * DAY_S + hour * 3600, ua=agent)


def test_a_loop_that_asks_day_and_night_shows_before_a_student_or_the_users_of_an_app_do() -> None:
    loop, student, app = (hourly(2, 100, first_h, hours) for first_h, hours in ((0, 24), (9, 6), (7, 16)))
    assert evidence(Coverage(), student) == pytest.approx(evidence(Coverage(), app))
    assert evidence(Coverage(), loop) > 0.8
    assert evidence(Coverage(), student) < 0.5


def test_an_evaluation_that_lasts_a_night_and_a_few_questions_at_all_hours_are_no_loop() -> None:
    assert evidence(Coverage(), hourly(1, 2000, 0, 12)) < 1.6
    assert evidence(Coverage(), hourly(3, 24, 0, 24)) < 0.5


def beside_an_app(*lists: Iterable[ApiCall], days: int = 3) -> Profile:
    """Calls of other software beside an app with a prompt of its own, whose users wake and sleep."""
    app = (
        at(asked(10_000 + number, 0, 0.0, head=7), number // 800, 6 + 17 * (number % 800 / 800) ** 2, "app")
        for number in range(800 * days)
    )
    own = sorted((call for each in lists for call in each), key=lambda call: call.ts)
    calls = sorted((*app, *own), key=lambda call: call.ts)
    return observed(call for call in calls if not own or call.ts <= own[-1].ts)


def listed(days: Iterable[int], a_day: int, first_h: float, hours: float, **sketch: object) -> Iterable[ApiCall]:
    for turn, day in enumerate(days):
        for number in range(a_day):
            call = asked(turn * a_day + number, 0, 0.0, **sketch)
            yield at(call, day, first_h + hours * number / a_day, "script")


def test_a_list_of_bare_questions_shows_beside_the_app_of_the_keys_owner() -> None:
    assert evidence(Coverage(), beside_an_app()) < 0.1
    assert evidence(Coverage(), beside_an_app(listed((1, 2), 250, 0, 24))) > 0.7


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(listed((1,), 500, 9, 6), id="an evaluation of some hours"),
        pytest.param(listed((0, 1, 2), 200, 9, 7), id="a student's script by day"),
        pytest.param(listed((0, 1, 2), 300, 0, 24, head=8), id="an app with another prompt"),
        pytest.param(listed((0, 1, 2), 300, 0, 24, chars=20), id="users who greet"),
        pytest.param(
            (at(asked(n % 100, 0, 0.0), 0, n / 15, "script") for n in range(1000)), id="a test again and again"
        ),
        pytest.param(listed((0, 1, 2), 15, 0, 24), id="a few questions of users at all hours"),
    ],
)
def test_honest_software_beside_an_app_is_no_list(calls: Iterable[ApiCall]) -> None:
    assert evidence(Coverage(), beside_an_app(calls)) < 0.55


def test_users_who_continue_their_conversations_at_all_hours_are_no_list() -> None:
    calls = [msgspec.structs.replace(call, input_tokens=900) for call in listed((0, 1, 2), 300, 0, 24)]
    assert evidence(Coverage(), beside_an_app(calls)) < 0.55


def test_the_same_questions_every_night_are_no_sweep() -> None:
    assert evidence(Coverage(), sweep(range(8), 600, again=True)) < 1.0


def test_what_a_device_reads_out_to_its_users_is_no_sweep() -> None:
    said = Profile()
    for day in range(8):
        for number in range(600):
            said.observe(msgspec.structs.replace(asked(day * 600 + number, day, number / 600), output_tokens=60))
    assert evidence(Coverage(), said) < 0.5


def test_neither_dummies_nor_refused_calls_hide_a_sweep() -> None:
    plain, hidden, limited = Profile(), Profile(), Profile()
    for day in range(6):
        for number in range(900):
            call = asked(day * 900 + number, day, number / 900)
            plain.observe(call)
            hidden.observe(msgspec.structs.replace(call, output_tokens=1 if number % 3 else 650))
            limited.observe(msgspec.structs.replace(call, status=429, output_tokens=0) if number % 3 else call)
    assert evidence(Coverage(), hidden) == pytest.approx(evidence(Coverage(), plain), abs=0.05)
    assert evidence(Coverage(), limited) == pytest.approx(evidence(Coverage(), plain), abs=0.05)


def test_numbered_pings_are_no_questions() -> None:
    assert evidence(Coverage(), sweep(range(6), 1000, chars=20)) < 0.1


def test_bare_prompts_weigh_more_in_the_budget_than_an_applications_prompts() -> None:
    bare = sweep(range(20), 600)
    app = sweep(range(20), 600, head=7)
    taken = [ExtractionBudget().score(profile, example_context(profile)) for profile in (bare, app)]
    assert all(isinstance(reading, Scored) for reading in taken)
    weighed = [reading.evidence["taken"] for reading in taken if isinstance(reading, Scored)]
    assert weighed[0] > 5_000
    assert weighed[1] < 500


def test_prompts_with_cues_weigh_as_much_as_the_purpose_model_is_sure() -> None:
    profile = sweep(range(3), 600, head=7, cues=int(Cue.REASONING))
    sure, unsure = (evidence(ExtractionBudget(), profile, elicitation=belief) for belief in (0.95, 0.5))
    assert sure > unsure


def answered(number: int, simhash: int, finish: str, head: int | None = None, cues: int = 0) -> ApiCall:
    call = example_call(number, gap_s=60.0, cues=cues)
    assert call.sketch is not None
    changed = {"simhash": (simhash & (1 << 64) - 1).to_bytes(8, "little")} | ({} if head is None else {"head": head})
    sketch = msgspec.structs.replace(call.sketch, **changed)
    tokens = 10 if finish == "refusal" else 200
    return msgspec.structs.replace(call, sketch=sketch, finish=finish, output_tokens=tokens)


def observed(calls: Iterable[ApiCall]) -> Profile:
    profile = Profile()
    for call in calls:
        profile.observe(call)
    return profile


def finish_of(number: int, share: int) -> str:
    return "refusal" if hash64(f"finish {number}") % 100 < share else "stop"


def test_a_walk_along_the_boundary_shows_and_a_red_team_or_a_forums_posts_do_not() -> None:
    walk = [answered(n, hash64(f"core {n // 8}") ^ 1 << n % 8, finish_of(n, 40), head=n // 8) for n in range(400)]
    tests = [answered(n, hash64(f"attempt {n}"), finish_of(n, 50)) for n in range(400)]
    posts = [answered(n, hash64("rules") ^ 1 << n % 60, finish_of(n, 20), head=1) for n in range(400)]
    assert evidence(BoundaryProbe(), observed(walk)) > 2.0
    assert evidence(BoundaryProbe(), observed(tests), elicitation=0.95) <= 1.0001
    assert evidence(BoundaryProbe(), observed(posts)) <= 1.0001


def test_a_walk_alone_is_less_than_one_for_the_operators_instructions() -> None:
    rephrased, stealing = (
        observed(
            answered(n, hash64(f"core {n // 2}") ^ n % 2, "stop" if n % 2 else "refusal", head=n // 2, cues=cues)
            for n in range(800)
        )
        for cues in (0, int(Cue.SYSTEM_PROMPT))
    )
    assert 2.0 < evidence(BoundaryProbe(), rephrased) < 2.6
    assert evidence(BoundaryProbe(), stealing) > 2.9


@pytest.mark.parametrize(
    ("cue", "least", "most"), [(Cue.REASONING, 1.5, 9.0), (Cue.REFUSAL, 0.0, 0.0), (Cue.SYSTEM_PROMPT, 0.0, 0.0)]
)
def test_a_search_for_the_reasoning_shows_and_a_red_teams_attempts_do_not(cue: Cue, least: float, most: float) -> None:
    profile = observed(answered(n, hash64(f"attempt {n}"), finish_of(n, 60), cues=int(cue)) for n in range(200))
    assert least <= evidence(TechniqueSearch(), profile) <= most
