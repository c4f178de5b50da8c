"""What the demo simulates."""

import itertools

from stream_detector.demo.traffic import SPEED, Traffic


def test_calls_come_in_time_order_within_the_span_and_every_client_has_a_truth() -> None:
    traffic = Traffic.of(seconds=20, seed=1)
    calls = list(itertools.islice(traffic.calls(), 2000))
    assert traffic.span_s == 20 * SPEED
    assert [call.ts for call in calls] == sorted(call.ts for call in calls)
    assert traffic.start_s <= calls[0].ts <= calls[-1].ts < traffic.start_s + traffic.span_s
    assert {call.client for call in calls} <= traffic.truth.keys()
    assert all(call.prompt is None for call in calls)


def test_campaigns_start_one_after_the_other_when_there_is_a_normal_to_compare_with() -> None:
    traffic = Traffic.of(seconds=60, seed=1)
    starts = [campaign.start_after_s / traffic.span_s for campaign in traffic.scenario.campaigns]
    assert starts == sorted(set(starts))
    assert starts[0] > 0.05
    assert starts[-1] < 0.5


def test_the_truth_names_campaigns_and_kinds_of_honest_clients() -> None:
    truth = Traffic.of(seconds=20, seed=1).truth
    attackers = {entry.label for entry in truth.values() if entry.is_attacker}
    honest = {entry.label for entry in truth.values() if not entry.is_attacker}
    assert "template-pool" in attackers
    assert "nightly_evaluation" in honest
    assert not attackers & honest


def test_another_seed_is_other_traffic_and_the_same_seed_is_the_same() -> None:
    first, again, other = (
        [call.id for call in itertools.islice(Traffic.of(20, seed).calls(), 50)] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_event_of_a_refused_call_generated_nothing() -> None:
    traffic = Traffic.of(seconds=20, seed=1)
    call = next(traffic.calls())
    refused = traffic.refuse(call, 403)
    assert (refused.id, refused.status, refused.output_tokens) == (call.id, 403, 0)
