"""What each family of campaigns does, and that no two seeds use the same words."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.campaigns import Campaign, Family, Probe, Template
from stream_detector.simulate.population import RELEASED_S
from stream_detector.simulate.scenario import Scenario, prompt_text, traffic

DAY_S = 86_400.0
START_S = Scenario().start_s
REFUSED = frozenset({"refusal", "filter"})
TEMPLATED = (
    Family.HOT_DISTILLER,
    Family.EVOLVED_INSTRUCTIONS,
    Family.RUBRIC_JUDGE,
    Family.REASONING_EXTRACTION,
    Family.TEMPLATE_POOL,
)


def calls_of(family: Family, rate: float = 2_000, days: float = 1.0, seed: int = 1, **changes: object) -> list[ApiCall]:
    """The calls that were answered."""
    campaign = Campaign(id="c", family=family, calls_per_account_day=rate, **changes)  # type: ignore[arg-type]
    scenario = Scenario(seed=seed, clients=0, campaigns=(campaign,), duration_s=days * DAY_S)
    return [call for call in traffic(scenario, prompt_text) if call.status == 200]


def heads(calls: list[ApiCall]) -> Counter[str]:
    return Counter(" ".join((call.prompt or "").split()[:8]) for call in calls)


def commonest_line(calls: list[ApiCall]) -> int:
    lines = Counter(line for call in calls for line in set((call.prompt or "").splitlines()) if len(line) > 40)
    return max(lines.values(), default=0)


@pytest.mark.parametrize("family", Family)
def test_no_prompt_shows_a_mark_that_was_not_filled_in(family: Family) -> None:
    for template in Template:
        calls = calls_of(family, 300, template=template)
        assert len(calls) > 20
        assert not any("[[" in (call.prompt or "") for call in calls)


@pytest.mark.parametrize("family", TEMPLATED)
def test_another_seed_has_another_wording(family: Family) -> None:
    first = [set(heads(calls_of(family, 200, seed=seed, template=Template.FIXED))) for seed in range(8)]
    assert len(first[0].union(*first)) > 0.95 * sum(map(len, first))


@pytest.mark.parametrize("family", TEMPLATED)
def test_a_template_is_constant_or_paraphrased_or_absent(family: Family) -> None:
    share = {template: commonest_line(calls_of(family, 600, template=template)) / 600 for template in Template}
    assert share[Template.FIXED] > 0.1
    assert share[Template.PARAPHRASED] < share[Template.FIXED] / 2
    assert share[Template.NONE] < 0.1


def test_evolved_instructions_rotate_their_operations_round_a_prompt_that_grows() -> None:
    calls = calls_of(Family.EVOLVED_INSTRUCTIONS)
    common = heads(calls).most_common(6)
    assert all(count > 0.05 * len(calls) for _, count in common)
    assert len({call.prompt for call in calls}) > 0.99 * len(calls)


def test_a_judge_marks_the_same_candidates_again_in_few_words_at_temperature_zero() -> None:
    calls = calls_of(Family.RUBRIC_JUDGE)
    assert {(call.params.temperature, call.params.max_tokens) for call in calls if call.params} == {(0.0, 500)}
    assert float(np.median([call.output_tokens or 0 for call in calls])) < 200
    sentences = Counter(line for call in calls for line in (call.prompt or "").splitlines() if len(line) > 150)
    assert sum(count > 1 for count in sentences.values()) > 0.5 * len(sentences)


def test_reasoning_is_asked_for_behind_one_instruction_and_answered_at_length() -> None:
    calls = calls_of(Family.REASONING_EXTRACTION, seed=3)
    assert float(np.median([call.output_tokens or 0 for call in calls])) > 2_000
    assert len({call.prompt for call in calls}) == len(calls)


def test_a_bisecting_prober_closes_in_on_one_token_at_a_time() -> None:
    calls = calls_of(Family.LOGIT_PROBER, 40_000, days=0.25, probe=Probe.BISECTION)
    biases: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        for token, bias in (call.params.logit_bias or {}).items() if call.params else ():
            biases[token].append(bias)
    closed = [values for values in list(biases.values())[:-1] if len(values) > 20]
    assert len(closed) > 100
    assert all(abs(values[-1] - values[-2]) < 1e-3 for values in closed)


def test_a_prober_without_bias_reads_logprobs_after_one_prefix() -> None:
    calls = calls_of(Family.LOGIT_PROBER, probe=Probe.LOGPROBS)
    assert heads(calls).most_common(1)[0][1] == len(calls)
    assert len({call.prompt for call in calls}) > 0.5 * len(calls)
    assert {(call.params.max_tokens, call.params.logit_bias) for call in calls if call.params} == {(1, None)}


def test_a_sweep_takes_subject_after_subject_on_several_models() -> None:
    calls = calls_of(Family.CAPABILITY_SWEEP, 5_000)
    assert len({call.model for call in calls}) == 3
    opened = [(call.prompt or "").partition("\n")[0] for call in calls]
    assert 3 <= len(set(opened)) < 60
    assert sum(one != other for one, other in pairwise(opened)) < 0.02 * len(calls)
    assert max(call.output_tokens or 0 for call in calls) < 20


@pytest.mark.parametrize("seed", range(4))
def test_refusals_alternate_with_answers_near_a_boundary(seed: int) -> None:
    refused = [call.finish in REFUSED for call in calls_of(Family.BOUNDARY_PROBING, seed=seed)]
    share = sum(refused) / len(refused)
    assert 0.15 < share < 0.6
    flips = sum(one != other for one, other in pairwise(refused)) / len(refused)
    assert flips > 1.05 * 2 * share * (1 - share)  # more than by chance


def test_thousands_of_techniques_mostly_fail_and_then_one_is_scaled_up() -> None:
    calls = calls_of(Family.TECHNIQUE_SEARCH, 4_000, days=2)
    searching = [call for call in calls if call.ts < START_S + 0.8 * DAY_S]
    scaling = [call for call in calls if call.ts >= START_S + 0.8 * DAY_S]
    tricks = {(call.prompt or "").partition("\n\n")[0] for call in searching}
    assert len(tricks) > 0.7 * len(searching)
    assert len(heads(scaling)) == 1
    lengthy = [sum((call.output_tokens or 0) > 800 for call in part) / len(part) for part in (searching, scaling)]
    assert lengthy[0] < 0.06
    assert lengthy[1] > 0.7


def test_everybody_is_on_the_new_model_within_hours_of_its_release() -> None:
    calls = calls_of(Family.RELEASE_PIVOT, 200, days=11, accounts=5)
    released_s = START_S + RELEASED_S
    assert {call.model for call in calls if call.ts < released_s} == {"large-3"}
    assert {call.model for call in calls if call.ts > released_s + 12 * 3600} == {"large-4"}


def test_a_ramp_grows_by_a_quarter_every_week_up_to_nineteen_times() -> None:
    calls = calls_of(Family.RAMP, 50, days=7 * 16)
    weeks = Counter(int((call.ts - START_S) // (7 * DAY_S)) for call in calls)
    growth = [weeks[week + 1] / weeks[week] for week in range(12)]
    assert all(1.1 < ratio < 1.4 for ratio in growth)
    assert weeks[15] / (7 * 50) == pytest.approx(19, rel=0.05)


def test_low_and_slow_sleeps_at_night_stays_below_and_never_repeats_itself() -> None:
    calls = calls_of(Family.LOW_AND_SLOW, 130, days=28)
    assert len(calls) / 28 == pytest.approx(130, rel=0.3)
    hours = Counter(int(call.ts // 3600 % 24) for call in calls)
    assert sum(hours[hour] < 5 for hour in range(24)) >= 3
    assert len({call.prompt for call in calls}) == len(calls)
    assert max(Counter(int(call.ts // 60) for call in calls).values()) < 10


@pytest.mark.parametrize("mix", [0.0, 0.6])
def test_a_stolen_key_carries_its_owner_and_then_somebody_from_elsewhere(mix: float) -> None:
    calls = calls_of(Family.TAKEOVER, 400, days=8, mix=mix, accounts=4, start_after_s=4 * DAY_S)
    before = [call for call in calls if call.ts < START_S + 4 * DAY_S]
    after = [call for call in calls if call.ts >= START_S + 4 * DAY_S]
    assert {call.client for call in before} == {call.client for call in after}
    for client in {call.client for call in calls}:
        old, new = ({call.ip for call in part if call.client == client} for part in (before, after))
        assert new - old
        assert bool(old & new) == (mix > 0)
    assert all(call.ts - (call.client_created_ts or 0) > 90 * DAY_S for call in calls)
