"""What a client is after: the window, the null model of the detectors of purposes, and the purpose model."""

from random import Random

import msgspec
import pytest

from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.boundary_probe import BoundaryProbe
from stream_detector.detection.detectors.cue_shares import doubt, share_tail
from stream_detector.detection.detectors.reasoning_elicitation import ReasoningElicitation
from stream_detector.detection.detectors.reward_grading import RewardGrading
from stream_detector.detection.detectors.technique_search import TechniqueSearch
from stream_detector.detection.examples import example_call, example_context, example_profile
from stream_detector.detection.profile import Profile
from stream_detector.detection.purpose_model import UNKNOWN, PurposeModel, elicitation, shipped_state, vector
from stream_detector.detection.windows.purposes import MEMORY, PurposeWindow
from stream_detector.domain.calls import ApiCall, Params
from stream_detector.domain.signals import Scored


def cued_call(number: int, cues: int, finish: str = "stop", output_tokens: int = 200) -> ApiCall:
    call = example_call(number, gap_s=60.0, cues=cues)
    return msgspec.structs.replace(call, finish=finish, output_tokens=output_tokens)


def window_of(calls: list[ApiCall]) -> PurposeWindow:
    window = PurposeWindow()
    for call in calls:
        window.observe(call)
    return window


def mixed(share: float, calls: int, cue: Cue = Cue.REASONING) -> Profile:
    rng, profile = Random(3), Profile()
    for number in range(calls):
        profile.observe(cued_call(number, cue if rng.random() < share else 0))
    return profile


def suspicion(
    detector: ReasoningElicitation | RewardGrading | BoundaryProbe | TechniqueSearch, profile: Profile
) -> float:
    reading = detector.score(profile, example_context(profile))
    assert isinstance(reading, Scored)
    return reading.suspicion


def test_counts_are_per_cue_and_an_exam_alone_is_no_cue_to_a_purpose() -> None:
    window = window_of([cued_call(0, 1 | 16), cued_call(1, 64), cued_call(2, 0)])
    assert (window.count(Cue.REASONING), window.count(Cue.VERBATIM), window.count(Cue.BENCHMARK)) == (1, 1, 1)
    assert window.cued == 1


def test_old_prompts_are_forgotten_by_halves() -> None:
    window = window_of([cued_call(number, 1) for number in range(MEMORY)])
    window.observe(cued_call(MEMORY, 0))
    assert window.seen == MEMORY // 2 + 1
    assert window.count(Cue.REASONING) == window.cued == MEMORY // 2


def test_a_repeated_prompt_is_one_distinct_prompt() -> None:
    window = window_of([cued_call(7, 1) for _ in range(50)])
    assert window.cued == 50
    assert window.prompts.count(cued_call(7, 1).ts) == pytest.approx(1.0, abs=0.1)


def test_a_refusal_turns_when_nearly_the_same_is_answered() -> None:
    assert window_of([example_call(number, gap_s=60.0, probing=True) for number in range(20)]).turned == 10


@pytest.mark.parametrize("second", [cued_call(0, 0), cued_call(99, 0)], ids=["a retry", "another subject"])
def test_a_retry_or_another_subject_turns_no_refusal(second: ApiCall) -> None:
    assert window_of([cued_call(0, 0, finish="refusal"), second]).turned == 0


def test_calls_that_were_never_answered_are_no_outcome() -> None:
    window = window_of([cued_call(number, 0, finish="error") for number in range(10)])
    assert (window.seen, window.answered, window.refused) == (10, 0, 0)


def test_repeating_what_worked_is_no_attempt() -> None:
    failed = [cued_call(number, 1, finish="refusal", output_tokens=9) for number in range(30)]
    same = msgspec.structs.replace
    scaled = [cued_call(number, 1) for number in range(100, 600)]
    scaled = [same(call, sketch=same(call.sketch, head=5)) for call in scaled if call.sketch is not None]
    window = window_of(failed + scaled)
    assert (window.attempts, window.failures) == (31, 30)


def test_a_brief_grade_is_no_failure() -> None:
    window = window_of([cued_call(number, 2, output_tokens=2) for number in range(20)])
    assert (window.attempts, window.failures) == (20, 0)


def test_a_tenth_of_a_busy_keys_prompts_still_shows() -> None:
    assert suspicion(ReasoningElicitation(), mixed(0.10, 3000)) > 0.98


def test_what_honest_public_prompts_show_is_not_suspicious() -> None:
    for cue in Cue:
        profile = mixed(0.006, 3000, cue)
        for detector in (ReasoningElicitation(), RewardGrading(), BoundaryProbe()):
            assert suspicion(detector, profile) < 0.7


def test_a_share_says_more_the_more_prompts_show_it() -> None:
    tails = [share_tail(of // 10, of) for of in (10, 50, 100, 500)]
    assert tails == sorted(tails, reverse=True)
    assert share_tail(512, 512) >= 0.01


def test_cold_and_brief_grades_weigh_more() -> None:
    warm, cold = Profile(), Profile()
    for number in range(60):
        call = cued_call(number, 2)
        warm.observe(call)
        cold.observe(msgspec.structs.replace(call, output_tokens=2, params=Params(temperature=0.0)))
    assert suspicion(RewardGrading(), cold) > suspicion(RewardGrading(), warm)


def test_a_few_mistaken_refusals_are_not_suspicious() -> None:
    profile = Profile()
    for number in range(400):
        profile.observe(cued_call(number, 0, finish="refusal" if number % 80 == 0 else "stop"))
    assert suspicion(BoundaryProbe(), profile) < 0.5


def behind_a_header(outcomes: str) -> Profile:
    """Prompts of one template, refused (r) or answered."""
    profile = Profile()
    for number, outcome in enumerate(outcomes):
        call = example_call(number, gap_s=60.0, same_head=True)
        profile.observe(msgspec.structs.replace(call, finish="refusal" if outcome == "r" else "stop"))
    return profile


def test_outcomes_in_turn_show_a_walk_behind_a_header_and_outcomes_at_random_do_not() -> None:
    rng = Random(5)
    in_turn = suspicion(BoundaryProbe(), behind_a_header("ra" * 150))
    for _ in range(5):
        at_random = suspicion(BoundaryProbe(), behind_a_header("".join(rng.choice("ra") for _ in range(300))))
        assert at_random < 0.95
    assert in_turn > 0.99


def test_a_refused_prompt_that_is_repeated_until_it_is_answered_is_no_walk() -> None:
    profile = Profile()
    for number in range(300):
        call = example_call(number // 2, gap_s=60.0, same_head=True)
        profile.observe(msgspec.structs.replace(call, finish="stop" if number % 2 else "refusal"))
    assert suspicion(BoundaryProbe(), profile) < 0.95


@pytest.mark.parametrize(
    ("into", "out", "weighs"),
    [(900, 300, False), (600, 400, False), (120, 1500, True)],
    ids=["audit", "case", "campaign"],
)
def test_asking_for_reasoning_weighs_more_where_answers_are_what_is_taken_home(
    into: int, out: int, *, weighs: bool
) -> None:
    profile = Profile()
    for number in range(400):
        call = example_call(number, gap_s=60.0, cues=Cue.REASONING)
        profile.observe(msgspec.structs.replace(call, input_tokens=into, output_tokens=out))
    tail = 1.0 - suspicion(ReasoningElicitation(), profile)
    assert (tail < ReasoningElicitation().words / 3) == weighs


@pytest.mark.parametrize(("into", "out", "weighs"), [(900, 300, False), (120, 1500, True)], ids=["audit", "campaign"])
def test_what_reasoning_brings_is_not_hidden_among_other_work(into: int, out: int, *, weighs: bool) -> None:
    profile = Profile()
    for number in range(800):
        asks = number % 4 == 0
        call = example_call(number, gap_s=60.0, cues=Cue.REASONING if asks else 0)
        tokens = (into, out) if asks else (3000, 50)
        profile.observe(msgspec.structs.replace(call, input_tokens=tokens[0], output_tokens=tokens[1]))
    detector = ReasoningElicitation()
    assert (1.0 - suspicion(detector, profile) < detector.words / 3) == weighs


def test_long_answers_alone_are_no_elicitation() -> None:
    profile = Profile()
    for number in range(400):
        call = example_call(number, gap_s=60.0)
        profile.observe(msgspec.structs.replace(call, input_tokens=100, output_tokens=2000))
    assert suspicion(ReasoningElicitation(), profile) == 0.0


def test_doubt_works_both_ways_within_bounds() -> None:
    assert doubt(0.0) == pytest.approx(3.0)
    assert doubt(0.5) == 1.0
    assert doubt(1.0) == pytest.approx(1 / 3)


def test_the_purpose_models_opinion_moves_the_detectors() -> None:
    profile = mixed(1.0, 60)
    context = example_context(profile)
    sure, unsure = (msgspec.structs.replace(context, elicitation=opinion) for opinion in (0.9, 0.1))
    one, other = (ReasoningElicitation().score(profile, surroundings) for surroundings in (sure, unsure))
    assert isinstance(one, Scored)
    assert isinstance(other, Scored)
    assert one.suspicion > other.suspicion > 0.9


def test_features_are_ratios_and_there_are_none_at_first() -> None:
    assert vector(PurposeWindow()) == {}
    for profile in (mixed(0.5, 300), example_profile(calls=300, gap_s=1.0, cues=127, probing=True)):
        features = vector(profile.purposes)
        assert features.keys() == shipped_state().weights.keys()
        assert all(0.0 <= value <= 1.0 for value in features.values())


def test_a_client_without_cue_or_refusal_has_no_purpose() -> None:
    assert elicitation(mixed(0.0, 300).purposes, PurposeModel.from_state(shipped_state())) == UNKNOWN
    assert elicitation(PurposeWindow(), PurposeModel.from_state(shipped_state())) == UNKNOWN


def test_analysts_change_the_models_mind() -> None:
    model, features = PurposeModel.from_state(shipped_state()), vector(mixed(1.0, 300).purposes)
    before = model.score(features)
    for _ in range(20):
        model.learn(features, is_extraction=False)
    assert model.score(features) < before
    for _ in range(60):
        model.learn(features, is_extraction=True)
    assert model.score(features) > before


def test_a_restored_model_goes_on_like_the_one_that_was_saved() -> None:
    features = vector(mixed(0.4, 300).purposes)
    one = PurposeModel.from_state(shipped_state())
    one.learn(features, is_extraction=True)
    saved = msgspec.json.decode(msgspec.json.encode(one.state()), type=type(one.state()))
    other = PurposeModel.from_state(saved)
    assert other == one
    for model in (one, other):
        model.learn(features, is_extraction=False)
    assert other.score(features) == one.score(features)


def test_nothing_is_learned_from_a_client_that_is_hardly_known() -> None:
    model = PurposeModel.from_state(shipped_state())
    model.learn({}, is_extraction=True)
    assert model.state() == shipped_state()
