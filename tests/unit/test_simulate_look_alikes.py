"""Every honest look-alike has what makes it one."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from ipaddress import ip_address, ip_network
from random import Random

import numpy as np
import pytest

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate import occasions, prompts
from stream_detector.simulate.benign import BY_NAME, EVERY_KIND, KINDS
from stream_detector.simulate.network import COUNTRIES
from stream_detector.simulate.outcome import Content
from stream_detector.simulate.population import RELEASED_S, USUAL
from stream_detector.simulate.scenario import Scenario, labels, prompt_text, traffic

DAY_S = 86_400.0
HOUR_S = 3600.0
START_S = Scenario().start_s
CLIENTS = 8
LOOK_ALIKES = [kind.name for kind in KINDS if kind.share == 0]


@cache
def week_of(kind: str) -> tuple[tuple[ApiCall, ...], ...]:
    """A week of some clients of a class (and the release), busiest first; without those that made less than ten calls."""
    days = 12 if kind.startswith("release_") else 7
    scenario = Scenario(seed=5, clients=CLIENTS, duration_s=days * DAY_S, campaigns=(), kinds=((kind, 1.0),), scale=0.5)
    calls = defaultdict(list)
    for call in traffic(scenario, prompt_text):
        calls[call.client].append(call)
    found = sorted(map(tuple, calls.values()), key=len, reverse=True)
    return tuple(one for one in found if len(one) >= 10)


def prompts_of(calls: Sequence[ApiCall]) -> list[str]:
    return [call.prompt or "" for call in calls]


def day_of(call: ApiCall) -> int:
    return int((call.ts - START_S) // DAY_S)


def local_day_of(call: ApiCall) -> int:
    offset_h = next(place.utc_offset_h for place in COUNTRIES if place.time_zone == call.time_zone)
    return int((call.ts - START_S + offset_h * HOUR_S) // DAY_S)


def head(prompt: str, words: int = 8) -> str:
    return " ".join(prompt.split()[:words])


def in_blocks(ip: str, octets: Sequence[int]) -> bool:
    return int(ip.partition(".")[0]) in octets


def commonest(values: Sequence[object]) -> float:
    """Share of the most frequent one."""
    return Counter(values).most_common(1)[0][1] / len(values)


@pytest.mark.parametrize("kind", LOOK_ALIKES)
def test_most_clients_of_a_class_call_within_a_week_in_the_name_of_their_class(kind: str) -> None:
    scenario = Scenario(seed=5, clients=CLIENTS, campaigns=(), kinds=((kind, 1.0),))
    assert {label.kind for label in labels(scenario).values()} == {kind}
    assert len(week_of(kind)) >= CLIENTS / 2


@pytest.mark.parametrize("kind", ["migration", "new_startup"])
def test_a_newcomer_calls_from_the_day_its_account_is_opened(kind: str) -> None:
    young = [calls for calls in week_of(kind) if START_S - (calls[0].client_created_ts or 0) < 7 * DAY_S]
    assert len(young) >= CLIENTS / 2
    assert all(calls[0].ts >= (calls[0].client_created_ts or 0) for calls in young)


@pytest.mark.parametrize("kind", ["migration", "new_startup"])
def test_a_newcomer_grows_within_a_week(kind: str) -> None:
    scenario = Scenario(seed=6, clients=30, duration_s=7 * DAY_S, campaigns=(), kinds=((kind, 1.0),), scale=0.1)
    days = Counter((call.client, day_of(call)) for call in traffic(scenario, lambda _text: Content()))
    grown = [
        sum(days[client, day] for day in (4, 5, 6)) / 3 > sum(days[client, day] for day in (0, 1)) / 2
        for client in {client for client, _ in days}
    ]
    assert np.mean(grown) > 0.7


def test_behind_a_gateway_many_tools_with_many_templates_and_languages_share_few_addresses() -> None:
    for calls in week_of("gateway_proxy"):
        assert len({call.ip for call in calls}) <= 4
        assert len({call.ua for call in calls}) >= 20
        assert len({head(prompt) for prompt in prompts_of(calls)}) >= 30
        assert any(max(prompt) > "\u0400" for prompt in prompts_of(calls))


def test_a_fallback_router_shows_a_sign_of_life_and_then_everything_within_hours() -> None:
    bursting = 0
    for calls in week_of("fallback_router"):
        hours = Counter(int(call.ts // HOUR_S) for call in calls)
        assert np.median([hours[int(START_S // HOUR_S) + hour] for hour in range(7 * 24)]) <= 6
        bursting += max(hours.values()) >= 30
    assert bursting >= len(week_of("fallback_router")) / 2


def test_a_benchmark_asks_old_and_new_models_the_same_questions_within_two_days_of_the_release() -> None:
    released_s = START_S + RELEASED_S
    for calls in week_of("release_benchmarking"):
        asked = [call for call in calls if call.model == prompts.RELEASED]
        assert asked
        assert released_s <= asked[0].ts <= released_s + 2 * DAY_S
        questions = set(prompts_of(asked))
        others = {call.model for call in calls if call.prompt in questions}
        assert len(others) >= 2
        assert START_S - (calls[0].client_created_ts or 0) > 0


def test_public_questions_are_the_same_for_all_who_download_them() -> None:
    styles = (prompts.Style(model="large-3", answer_tokens=10.0),)
    firsts = Counter(next(occasions.benchmarked(Random(seed), styles, 100, 1)).text for seed in range(40))
    assert sum(count for _, count in firsts.most_common(len(occasions.PUBLIC_SETS))) >= 15


def test_an_adopter_moves_everything_to_the_new_model_after_its_release_and_keeps_its_template() -> None:
    moved = 0
    for calls in week_of("release_adopter"):
        new = [call.model == prompts.RELEASED for call in calls]
        assert new == sorted(new)
        assert not any(flag for flag, call in zip(new, calls, strict=True) if call.ts < START_S + RELEASED_S)
        assert len({call.model for call in calls}) <= 2
        moved += len({head(prompt) for prompt in prompts_of(calls)}) <= 2 and new[-1]
    assert moved >= 3


@pytest.mark.parametrize("kind", ["audit_trail", "synthetic_data", "mobile_app"])
def test_a_product_has_one_beginning_of_its_own(kind: str) -> None:
    heads = [Counter(prompt[:25] for prompt in prompts_of(calls)).most_common(1)[0] for calls in week_of(kind)]
    for calls, (_, count) in zip(week_of(kind), heads, strict=True):
        assert count > 0.95 * len(calls)
    assert len({text for text, _ in heads}) >= 0.5 * len(heads)


def test_a_judge_repeats_its_rubric_before_or_after_what_it_grades() -> None:
    for calls in week_of("llm_judge"):
        found = prompts_of(calls)
        assert max(commonest([text[:60] for text in found]), commonest([text[-60:] for text in found])) > 0.95
        assert {call.params.temperature for call in calls if call.params} == {0.0}


@pytest.mark.parametrize(("kind", "least"), [("content_moderation", 0.03), ("red_team", 0.2)])
def test_those_who_ask_about_forbidden_things_are_often_refused(kind: str, least: float) -> None:
    for calls in week_of(kind):
        if len(calls) >= 100:
            assert np.mean([call.finish in {"refusal", "filter"} for call in calls]) > least


def test_a_red_team_works_on_working_days_from_one_office() -> None:
    for calls in week_of("red_team"):
        assert len({call.ip for call in calls}) == 1
        assert {local_day_of(call) for call in calls} <= {0, 1, 2, 3, 4, 5}
        assert np.mean([local_day_of(call) == 5 for call in calls]) < 0.02  # a long Friday


def test_synthetic_data_has_long_answers() -> None:
    for calls in week_of("synthetic_data"):
        assert np.median([call.output_tokens for call in calls]) > 400


def test_a_translation_is_as_long_as_its_source_and_many_languages_occur() -> None:
    for calls in week_of("translation"):
        answered = [call for call in calls if call.output_tokens]
        if len({call.prompt for call in answered}) > 30:
            sizes = np.log([[len(call.prompt or ""), call.output_tokens or 1] for call in answered])
            assert np.corrcoef(sizes.T)[0, 1] > 0.25
    scripts = {text[-5:-1] > "\u0400" for calls in week_of("translation") for text in prompts_of(calls)}
    assert scripts == {True, False}


def test_a_class_types_one_starter_within_minutes_from_few_addresses() -> None:
    for calls in week_of("classroom"):
        starts = Counter((call.prompt, int(call.ts // HOUR_S)) for call in calls)
        assert starts.most_common(1)[0][1] >= 8
        assert len({call.ip for call in calls}) <= 12
        assert len({call.ua for call in calls}) >= 8


def test_the_users_of_an_app_call_from_homes_all_over_one_country() -> None:
    blocks = {
        code: {o for c in COUNTRIES if c.code == code for o in c.first_octets} for code in {c.code for c in COUNTRIES}
    }
    for calls in week_of("mobile_app"):
        found = {call.ip or "" for call in calls}
        assert len(found) >= min(100, 0.3 * len(calls))
        assert all(in_blocks(ip, tuple(blocks[calls[0].country or ""])) for ip in found if ":" not in ip)


def test_a_cron_job_keeps_its_beat_to_a_few_seconds() -> None:
    beats = 0
    for calls in week_of("cron"):
        gaps = np.diff([call.ts for call in calls])
        usual = np.median(gaps)
        beats += np.mean(np.abs(gaps - usual) < 25) > 0.9
    assert beats >= 2


def test_a_chat_product_has_a_few_constant_words_and_another_beginning_in_each_conversation() -> None:
    for calls in week_of("chat_product"):
        if len({call.prompt for call in calls}) >= 30:
            assert len({head(prompt, 2) for prompt in prompts_of(calls)}) == 1
            assert len({head(prompt, 12) for prompt in prompts_of(calls)}) >= 5
    talked = [call for calls in week_of("chat_product") for call in calls]
    assert any(len((call.prompt or "").splitlines()) >= 7 for call in talked)


@pytest.mark.parametrize("kind", ["voice_assistant", "chat_site"])
def test_the_words_of_users_come_as_they_are(kind: str) -> None:
    for calls in week_of(kind):
        assert commonest([text[:25] for text in set(prompts_of(calls))]) < 0.5
        assert any((call.input_tokens or 0) > 2 * len(call.prompt or "") for call in calls) == (kind == "chat_site")


def test_a_student_asks_bursts_of_questions_that_never_repeat() -> None:
    for calls in week_of("research_student"):
        found = Counter(prompts_of(calls))
        assert len(found) > 0.93 * len(calls)
    bursts = [max(Counter(int(call.ts // HOUR_S) for call in calls).values()) for calls in week_of("research_student")]
    assert np.median(bursts) >= 10


@pytest.mark.parametrize("kind", ["tutoring", "coding_assistant"])
def test_other_languages_than_english_are_spoken(kind: str) -> None:
    scripts = {max(calls[0].prompt or "") for calls in week_of(kind)}
    assert any(script > "\u0400" for script in scripts)
    assert any("\u00df" <= script < "\u0250" for script in scripts)


def test_a_load_test_is_an_hour_of_constant_concurrency() -> None:
    even = 0
    for calls in week_of("load_test"):
        hours = Counter(int(call.ts // 600) for call in calls)
        busiest, count = hours.most_common(1)[0]
        gaps = np.diff([call.ts for call in calls if int(call.ts // 600) == busiest])
        even += count >= 20 and gaps.std() / gaps.mean() < 1.3
    assert even >= 4


def test_a_night_shift_works_in_one_office_far_from_where_the_bill_goes() -> None:
    for calls in week_of("night_shift"):
        assert len({call.ip for call in calls}) == 1
        assert len({call.ua for call in calls}) >= 3
    billed = {calls[0].country for calls in week_of("night_shift")}
    assert len(billed) >= 2


def test_a_traveller_keeps_the_software_and_changes_the_continent() -> None:
    regions = []
    for calls in week_of("traveller"):
        assert len({call.ua for call in calls}) == 1
        regions.append(len({(call.ip or "").partition(".")[0] for call in calls}))
    assert np.mean([found >= 2 for found in regions]) > 0.6


def test_a_vpn_user_calls_from_data_centres() -> None:
    rented = [ip_network(block) for block in ("146.70.0.0/16", "37.120.128.0/17", "138.199.0.0/18")]
    shares = [
        np.mean([any(ip_address(call.ip or "") in block for block in rented) for call in calls])
        for calls in week_of("vpn_user")
    ]
    assert np.median(shares) > 0.9


def test_every_class_can_be_asked_for_in_equal_numbers() -> None:
    scenario = Scenario(clients=2 * len(EVERY_KIND), campaigns=(), kinds=EVERY_KIND)
    counts = Counter(label.kind for label in labels(scenario).values())
    assert counts == dict.fromkeys(BY_NAME, 2)


def test_weights_of_classes_are_in_any_unit() -> None:
    scenario = Scenario(clients=40, campaigns=(), kinds=(("cron", 30.0), ("migration", 10.0)))
    assert Counter(label.kind for label in labels(scenario).values()) == {"cron": 30, "migration": 10}


def test_the_usual_population_has_none_of_the_classes_on_request() -> None:
    assert not {name for name, _ in USUAL} & set(LOOK_ALIKES)
    assert len(LOOK_ALIKES) + len(USUAL) == len(BY_NAME) == len(KINDS)


@pytest.mark.parametrize(
    ("kinds", "complaint"), [((("baker", 1.0),), "'baker'"), ((("cron", 0.0),), "'cron' must be above 0")]
)
def test_a_class_that_does_not_exist_or_has_no_weight_is_refused(
    kinds: tuple[tuple[str, float], ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Scenario(kinds=kinds)


def test_each_class_has_large_and_small_customers() -> None:
    totals = [len(calls) for calls in week_of("llm_judge")]
    assert max(totals) > 10 * min(totals)
