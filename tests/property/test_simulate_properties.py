"""What holds for the traffic of any scenario."""

import os
import subprocess
import sys
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.benign import BY_NAME
from stream_detector.simulate.campaigns import Campaign, Family
from stream_detector.simulate.outcome import refused
from stream_detector.simulate.scenario import ContentOf, Scenario, labels, prompt_text, sketches, traffic
from stream_detector.wire.calls import decode, encode

SKETCHES = sketches()

CAMPAIGNS = st.builds(
    Campaign,
    id=st.just(""),
    family=st.sampled_from(Family),
    accounts=st.integers(1, 5),
    calls_per_account_day=st.floats(10, 5_000),
    start_after_s=st.floats(0, 20_000),
    mix=st.floats(0, 1),
    jitter=st.floats(0, 1),
)
SCENARIOS = st.builds(
    Scenario,
    seed=st.integers(-(10**9), 10**9),
    start_s=st.floats(0, 2e9),
    duration_s=st.sampled_from([0.0, 1.0, 600.0, 10_000.0]),
    clients=st.integers(0, 30),
    campaigns=st.lists(CAMPAIGNS, max_size=3).map(
        lambda found: tuple(msgspec.structs.replace(one, id=f"c{index}") for index, one in enumerate(found))
    ),
    scale=st.floats(0.05, 5.0),
    kinds=st.one_of(
        st.just(()),
        st.lists(st.tuples(st.sampled_from(sorted(BY_NAME)), st.floats(0.1, 10.0)), min_size=1, max_size=6).map(tuple),
    ),
)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(SCENARIOS)
@FEW
def test_calls_are_in_order_within_the_span_labelled_numbered_and_fit_for_the_wire(scenario: Scenario) -> None:
    truth = labels(scenario)
    calls = list(traffic(scenario, SKETCHES))
    assert [call.ts for call in calls] == sorted(call.ts for call in calls)
    assert all(scenario.start_s <= call.ts < scenario.start_s + scenario.duration_s for call in calls)
    assert {call.client for call in calls} <= set(truth)
    assert len({call.id for call in calls}) == len(calls)
    assert len(truth) == scenario.clients + sum(campaign.accounts for campaign in scenario.campaigns)
    for call in calls[:200]:
        assert decode(encode(call), max_bytes=1 << 20).calls == [call]
        assert decode(encode(refused(call, 429)), max_bytes=1 << 20).rejected == []


@given(SCENARIOS)
@FEW
def test_equal_scenarios_give_equal_calls(scenario: Scenario) -> None:
    again = msgspec.json.decode(msgspec.json.encode(scenario), type=Scenario)
    assert list(traffic(scenario, prompt_text)) == list(traffic(again, prompt_text))
    assert labels(scenario) == labels(again)


def test_another_process_gives_the_same_calls() -> None:
    program = (
        "import sys; from stream_detector.simulate.scenario import *; from stream_detector.wire.calls import encode;"
        "sys.stdout.buffer.write(b''.join(encode(c) for c in traffic(Scenario(clients=20, duration_s=1800.0))))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(runs[0]) > 10_000
    assert runs[0] == runs[1]


@pytest.mark.parametrize("content_of", [prompt_text, SKETCHES])
def test_another_seed_gives_other_clients_and_other_calls(content_of: ContentOf) -> None:
    one, other = (Scenario(seed=seed, clients=30, duration_s=3600.0) for seed in (1, 2))
    assert not set(labels(one)) & set(labels(other))
    assert {_text(call) for call in traffic(one, content_of)} != {_text(call) for call in traffic(other, content_of)}


def _text(call: ApiCall) -> object:
    return call.prompt if call.prompt is not None else call.sketch and call.sketch.digest


def test_a_campaign_does_not_change_what_honest_clients_do() -> None:
    alone = Scenario(clients=30, duration_s=7200.0, campaigns=())
    together = Scenario(clients=30, duration_s=7200.0)
    honest = set(labels(alone))
    assert [call for call in traffic(together, prompt_text) if call.client in honest] == list(
        traffic(alone, prompt_text)
    )


def test_a_longer_scenario_begins_like_a_shorter_one() -> None:
    # the tool that watches live may stop whenever it likes
    short, long = (Scenario(clients=30, duration_s=hours * 3600.0) for hours in (1, 3))
    calls = list(traffic(short, prompt_text))
    begin = [call for call in traffic(long, prompt_text) if call.ts < short.start_s + short.duration_s]
    assert begin == calls


@dataclass(frozen=True)
class Bad:
    changes: dict[str, object]
    complaint: str


@pytest.mark.parametrize(
    "bad",
    [
        Bad({"duration_s": -1.0}, "duration_s"),
        Bad({"clients": -1}, "clients"),
        Bad({"scale": 0.0}, "scale"),
        Bad({"start_s": float("nan")}, "start_s"),
    ],
    ids=lambda bad: bad.complaint,
)
def test_settings_out_of_range_are_refused_by_name(bad: Bad) -> None:
    with pytest.raises(ValueError, match=bad.complaint):
        Scenario(**bad.changes)  # type: ignore[arg-type]


def test_two_campaigns_of_one_name_are_refused() -> None:
    campaign = Campaign(id="same", family=Family.HOT_DISTILLER, calls_per_account_day=1.0)
    with pytest.raises(ValueError, match="same id"):
        Scenario(campaigns=(campaign, campaign))
