"""The honest clients, taken together, look like the published ones. Tolerances are beside the published figures."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.arrivals import Span
from stream_detector.simulate.benign import KINDS, Sources
from stream_detector.simulate.outcome import Content
from stream_detector.simulate.population import honest_clients
from stream_detector.simulate.scenario import Scenario, labels, prompt_text, traffic

DAY_S = 86_400.0
PEOPLE = {"interactive", "team_key"}


def by_client(scenario: Scenario) -> dict[str, list[ApiCall]]:
    calls = defaultdict(list)
    for call in traffic(scenario, lambda _text: Content()):
        calls[call.client].append(call)
    return calls


def times_of(scenario: Scenario) -> dict[str, np.ndarray]:
    """Program -> times of its calls; without making the calls, which would take long."""
    span = Span(scenario.start_s, scenario.start_s + scenario.duration_s)
    return {
        client.identity.client: np.array(list(client.streams[0].times))
        for client in honest_clients(scenario.seed, scenario.clients, span, scenario.scale, Sources())
        if client.label.kind not in PEOPLE
    }


@pytest.fixture(scope="module")
def fortnights() -> list[tuple[Scenario, dict[str, np.ndarray]]]:
    scenarios = [Scenario(seed=seed, clients=250, duration_s=14 * DAY_S, scale=0.2, campaigns=()) for seed in (1, 2, 3)]
    return [(scenario, times_of(scenario)) for scenario in scenarios]


def test_the_ten_busiest_programs_make_two_thirds_of_the_calls(fortnights) -> None:  # noqa: ANN001
    # ServeGen: 63 % of 162 clients, 79 % of 109
    shares = []
    for _, times in fortnights:
        totals = sorted(map(len, times.values()))
        shares.append(sum(totals[-10:]) / sum(totals))
    assert 0.58 < np.mean(shares) < 0.84


def test_a_day_far_above_a_programs_usual_ones_is_common(fortnights) -> None:  # noqa: ANN001
    # ServeGen: 13 % of client-days are above 5 times the median of the earlier days
    high = days = 0
    for scenario, times in fortnights:
        for found in times.values():
            totals = np.bincount(((found - scenario.start_s) // DAY_S).astype(int), minlength=14)
            for day in range(3, 14):
                days += 1
                high += bool(totals[day] > 5 * np.median(totals[:day]))
    assert 0.07 < high / days < 0.2


def test_in_a_fifth_of_the_programs_one_prompt_length_makes_a_fifth_of_the_calls() -> None:
    # ServeGen: 22 % of clients
    scenario = Scenario(clients=250, duration_s=7 * DAY_S, scale=0.3, campaigns=())
    truth, found = labels(scenario), []
    for client, calls in by_client(scenario).items():
        if truth[client].kind not in PEOPLE and len(calls) >= 50:
            sizes = Counter(call.input_tokens for call in calls)
            found.append(sizes.most_common(1)[0][1] >= 0.2 * len(calls))
    assert len(found) > 50
    assert 0.12 < np.mean(found) < 0.35


def test_gaps_vary_as_much_as_published_and_nobody_is_a_metronome() -> None:
    # ServeGen: the median over clients of the variation within 10 minutes is 2.4, and no client is below 0.5;
    # a window of a few calls underestimates it
    medians = []
    for seed in (1, 2, 3):
        scenario = Scenario(seed=seed, clients=150, duration_s=DAY_S / 8, scale=20, campaigns=())
        found = [_variation(times) for times in times_of(scenario).values()]
        known = [value for value in found if value is not None]
        assert len(known) >= 10
        assert min(known) > 0.3
        medians.append(np.median(known))
    assert 1.5 < np.mean(medians) < 3.3


def _variation(times: np.ndarray) -> float | None:
    """Coefficient of variation of the gaps within 10 minutes, averaged over windows with at least 20 calls."""
    values, weights = [], []
    for window in np.split(times, np.flatnonzero(np.diff(times // 600)) + 1):
        gaps = np.diff(window)
        if len(gaps) >= 19 and gaps.mean() > 0:
            values.append(gaps.std() / gaps.mean())
            weights.append(len(gaps))
    return float(np.average(values, weights=weights)) if values else None


def test_every_class_is_there_and_people_are_half_of_the_clients() -> None:
    kinds = Counter(label.kind for label in labels(Scenario(clients=100, campaigns=())).values())
    assert set(kinds) == {kind.name for kind in KINDS if kind.share}
    assert sum(kinds.values()) == 100
    assert 45 <= sum(kinds[kind] for kind in PEOPLE) <= 60
    assert sum(kind.share for kind in KINDS) == pytest.approx(1.0)


def test_most_accounts_are_old_and_a_few_are_new() -> None:
    scenario = Scenario(clients=2000, duration_s=DAY_S, campaigns=(), scale=0.05)
    span = Span(scenario.start_s, scenario.start_s + DAY_S)
    clients = honest_clients(scenario.seed, scenario.clients, span, scenario.scale, Sources())
    ages = np.array([scenario.start_s - client.identity.created_ts for client in clients])
    assert 0.005 < np.mean(ages < 7 * DAY_S) < 0.04
    assert np.median(ages) > 150 * DAY_S


def test_a_shared_team_key_shows_ten_to_forty_addresses_and_many_user_agents() -> None:
    teams = by_client(Scenario(clients=4, kinds=(("team_key", 1.0),), duration_s=7 * DAY_S, campaigns=()))
    assert len(teams) == 4
    for calls in teams.values():
        assert len({call.ip for call in calls}) >= 10
        assert len({call.ua for call in calls}) >= 4


def test_scale_multiplies_the_calls() -> None:
    small, large = (
        sum(map(len, times_of(Scenario(clients=150, duration_s=DAY_S, campaigns=(), scale=scale)).values()))
        for scale in (0.2, 0.8)
    )
    assert 2 < large / small < 8


def test_no_client_id_tells_its_class_or_number() -> None:
    ids = list(labels(Scenario(clients=50)))
    assert all(client.startswith("acct_") and len(client) == 17 for client in ids)
    assert ids != sorted(ids)


def test_a_nightly_evaluation_repeats_its_prompts_every_night() -> None:
    scenario = Scenario(clients=5, kinds=(("nightly_evaluation", 1.0),), duration_s=4 * DAY_S, campaigns=())
    prompts: dict[str, Counter[str | None]] = defaultdict(Counter)
    for call in traffic(scenario, prompt_text):
        prompts[call.client][call.prompt] += 1
    assert len(prompts) == 5
    assert all(min(counts.values()) >= 3 for counts in prompts.values())
