"""The campaigns do what their sources say."""

import itertools
from collections import Counter

import msgspec
import numpy as np
import pytest

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.campaigns import (
    FAMILIES,
    PUBLISHED,
    Age,
    Campaign,
    Cover,
    Family,
    Harness,
    Language,
    Network,
)
from stream_detector.simulate.scenario import Scenario, labels, prompt_text, traffic

DAY_S = 86_400.0


def calls_of(campaign: Campaign, **changes: object) -> list[ApiCall]:
    scenario = Scenario(clients=0, campaigns=(campaign,), **changes)  # type: ignore[arg-type]
    return list(traffic(scenario, prompt_text))


def head(call: ApiCall) -> str:
    return " ".join((call.prompt or "").split()[:8])


def test_every_family_is_in_the_table() -> None:
    assert set(FAMILIES) == set(Family)


@pytest.mark.parametrize("campaign", PUBLISHED, ids=lambda campaign: campaign.id)
def test_a_campaign_reaches_its_volume_with_its_accounts(campaign: Campaign) -> None:
    duration_s = DAY_S / 4
    calls = calls_of(campaign, duration_s=duration_s)
    planned = campaign.accounts * campaign.calls_per_account_day / 4
    assert len(calls) == pytest.approx(planned, rel=0.1)
    assert len({call.client for call in calls}) == campaign.accounts


def test_the_hot_distiller_has_one_header_rotating_tails_and_its_drivers_parameters() -> None:
    calls = calls_of(PUBLISHED[0], duration_s=DAY_S)
    assert len({head(call) for call in calls}) == 1
    assert len({call.prompt for call in calls}) > 0.98 * len(calls)
    assert {(call.params.temperature, call.params.top_p, call.params.max_tokens) for call in calls if call.params} == {
        (1.0, 1.0, 3072)
    }
    assert 1500 < len(calls[0].prompt or "") < 3000
    assert len({int(call.ts // 3600) for call in calls}) == 24
    assert len({call.ip for call in calls}) == 1
    assert calls[0].ts - (calls[0].client_created_ts or 0) < DAY_S


def test_a_limited_distiller_tries_again_after_two_seconds() -> None:
    calls = calls_of(PUBLISHED[0], duration_s=DAY_S)
    again = []
    for place, call in enumerate(calls):
        retry = next((later for later in calls[place + 1 : place + 9] if later.prompt == call.prompt), None)
        if call.status in {429, 500, 503, 529} and retry is not None:
            again.append(retry.ts - call.ts)
    assert len(again) >= 10
    assert all(2 <= wait < 2.5 for wait in again)


def test_bare_questions_share_no_head_and_are_each_asked_once() -> None:
    calls = [call for call in calls_of(PUBLISHED[1], duration_s=DAY_S) if call.status == 200]
    assert len({call.prompt for call in calls}) == len(calls)
    commonest = Counter(head(call) for call in calls).most_common(1)[0][1]
    assert commonest < 0.01 * len(calls)  # published sets: 0.2 to 0.8 %
    assert all(call.params is None for call in calls)


def test_the_prober_covers_the_vocabulary_with_one_prefix() -> None:
    calls = [call for call in calls_of(PUBLISHED[2], duration_s=DAY_S / 2) if call.status == 200]
    assert len({call.prompt for call in calls}) == 1
    tokens = Counter(token for call in calls if call.params for token in call.params.logit_bias or {})
    assert len(tokens) > 3.9 * len(calls)
    assert {(call.params.max_tokens, call.params.top_logprobs) for call in calls if call.params} == {(1, 5)}
    assert {call.output_tokens for call in calls} == {1}


def test_accounts_of_a_prober_share_the_vocabulary_out() -> None:
    campaign = Campaign(id="two", family=Family.LOGIT_PROBER, accounts=2, calls_per_account_day=20_000)
    tokens: dict[str, set[str]] = {}
    for call in calls_of(campaign, duration_s=3600):
        tokens.setdefault(call.client, set()).update((call.params.logit_bias or {}) if call.params else {})
    one, other = tokens.values()
    assert not one & other


def test_the_pool_shares_a_template_divides_its_topics_and_hides_its_addresses() -> None:
    calls = [call for call in calls_of(PUBLISHED[3], duration_s=DAY_S) if call.status == 200]
    assert len({head(call) for call in calls}) == 1
    asked: dict[str, set[str]] = {}
    for call in calls:
        asked.setdefault(call.client, set()).add(call.prompt or "")
    assert all(not one & other for one, other in itertools.combinations(asked.values(), 2))
    assert len({call.ip for call in calls}) > 300
    assert len({call.ua for call in calls}) <= 2
    born = [call.client_created_ts or 0.0 for call in calls]
    assert max(born) - min(born) < 3 * DAY_S
    assert len({call.payment for call in calls}) == 4


def is_own(call: ApiCall) -> bool:
    return "<<role>>" in (call.prompt or "")


@pytest.mark.parametrize("cover", Cover)
@pytest.mark.parametrize("mix", [0.0, 0.3, 0.95, 1.0])
def test_a_mixed_campaign_hides_among_honest_calls(mix: float, cover: Cover) -> None:
    campaign = Campaign(
        id="mixed", family=Family.TEMPLATE_POOL, accounts=12, calls_per_account_day=300, mix=mix, cover=cover
    )
    calls = calls_of(campaign, duration_s=3 * DAY_S)
    honest = sum(not is_own(call) for call in calls) / len(calls)
    assert honest == pytest.approx(mix, abs=0.07)
    assert len(calls) == pytest.approx(12 * 300 * 3, rel=0.2)


def test_an_owner_has_addresses_software_and_an_old_account_of_its_own() -> None:
    campaign = Campaign(id="conduit", family=Family.TEMPLATE_POOL, accounts=6, calls_per_account_day=200, mix=0.5)
    calls = calls_of(campaign, duration_s=2 * DAY_S)
    senders = {part: {(call.client, call.ip) for call in calls if is_own(call) is part} for part in (False, True)}
    assert not senders[False] & senders[True]
    assert len({call.ua for call in calls if not is_own(call)}) > 3
    assert all(call.ts - (call.client_created_ts or 0) > 99 * DAY_S for call in calls)


def test_the_campaign_keeps_its_own_pace_beside_the_owner() -> None:
    campaign = Campaign(
        id="c", family=Family.TEMPLATE_POOL, calls_per_account_day=1_000, mix=0.5, jitter=0.0, start_after_s=DAY_S
    )
    calls = calls_of(campaign, duration_s=2 * DAY_S)
    gaps = np.diff([call.ts for call in calls if is_own(call)])
    assert gaps.std() < 0.3 * gaps.mean()
    assert all(call.ts >= Scenario().start_s + DAY_S for call in calls if is_own(call))
    assert any(call.ts < Scenario().start_s + DAY_S for call in calls)


@pytest.mark.parametrize(("age", "days"), [(Age.FRESH, (0, 4)), (Age.WEEKS, (14, 57)), (Age.AGED, (100, 601))])
def test_accounts_are_as_old_as_is_asked_for(age: Age, days: tuple[int, int]) -> None:
    campaign = Campaign(id="c", family=Family.HOT_DISTILLER, accounts=20, calls_per_account_day=50, age=age)
    ages = [(call.ts - (call.client_created_ts or 0)) / DAY_S for call in calls_of(campaign, duration_s=DAY_S)]
    assert days[0] <= min(ages) <= max(ages) <= days[1]


@pytest.mark.parametrize(
    ("network", "addresses"),
    [(Network.SERVERS, (1, 1)), (Network.RESIDENTIAL, (90, 900)), (Network.VPN, (4, 18)), (Network.HOME, (1, 3))],
)
def test_a_network_has_its_number_of_addresses(network: Network, addresses: tuple[int, int]) -> None:
    campaign = Campaign(id="c", family=Family.BARE_QUESTIONS, calls_per_account_day=2_000, network=network)
    calls = calls_of(campaign, duration_s=2 * DAY_S)
    assert addresses[0] <= len({call.ip for call in calls}) <= addresses[1]


def test_a_relay_shows_one_agent_and_forges_users_and_a_framework_precedes_every_prompt() -> None:
    pool = Campaign(id="c", family=Family.TEMPLATE_POOL, accounts=3, calls_per_account_day=200)
    relayed = calls_of(msgspec.structs.replace(pool, harness=Harness.RELAY), duration_s=DAY_S)
    assert len({call.ua for call in relayed}) == 1
    assert len({call.user for call in relayed}) > 20
    assert all(call.stream for call in relayed)
    framed = calls_of(msgspec.structs.replace(pool, harness=Harness.FRAMEWORK), duration_s=DAY_S)
    assert len({head(call) for call in framed}) == 1
    assert head(framed[0]) != head(relayed[0])


@pytest.mark.parametrize(
    ("language", "words"),
    [(Language.CHINESE, "的"), (Language.GERMAN, " und "), (Language.SPANISH, " de "), (Language.ENGLISH, " the ")],
)
def test_a_campaign_speaks_its_language(language: Language, words: str) -> None:
    for family in (Family.REASONING_EXTRACTION, Family.RUBRIC_JUDGE):
        campaign = Campaign(id="c", family=family, calls_per_account_day=200, language=language)
        calls = calls_of(campaign, duration_s=DAY_S)
        assert sum(words in (call.prompt or "").lower() for call in calls) > 0.5 * len(calls)


def test_jitter_spreads_the_pauses() -> None:
    def spread(jitter: float) -> float:
        campaign = Campaign(id="slow", family=Family.LOGIT_PROBER, calls_per_account_day=2_000, jitter=jitter)
        return float(np.diff([call.ts for call in calls_of(campaign, duration_s=DAY_S)]).std())

    assert spread(0.0) < spread(0.3) < spread(0.9)


def test_a_campaign_that_starts_later_is_silent_before_and_young_then() -> None:
    campaign = Campaign(id="late", family=Family.HOT_DISTILLER, calls_per_account_day=5_000, start_after_s=DAY_S)
    calls = calls_of(campaign, duration_s=2 * DAY_S)
    scenario = Scenario()
    assert calls[0].ts >= scenario.start_s + DAY_S
    assert (calls[0].client_created_ts or 0) > scenario.start_s + DAY_S / 2


def test_a_campaign_after_the_end_is_labelled_and_silent() -> None:
    campaign = Campaign(
        id="never", family=Family.TEMPLATE_POOL, accounts=3, calls_per_account_day=100, start_after_s=9 * DAY_S
    )
    assert calls_of(campaign) == []
    assert len(labels(Scenario(clients=0, campaigns=(campaign,)))) == 3


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"accounts": 0}, "accounts"),
        ({"mix": 1.5}, "mix"),
        ({"jitter": -0.1}, "jitter"),
        ({"calls_per_account_day": 0.0}, "calls_per_account_day"),
        ({"start_after_s": -1.0}, "start_after_s"),
        ({"carries": Family.LOGIT_PROBER}, "carries"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(changes: dict[str, object], complaint: str) -> None:
    fields = {"id": "c", "family": Family.HOT_DISTILLER, "calls_per_account_day": 10.0, **changes}
    with pytest.raises(ValueError, match=complaint):
        Campaign(**fields)  # type: ignore[arg-type]
