"""The demo's book-keeping and the conclusions it draws."""

import pytest
from demos.ledgers import START, decision, ledger_of_a_caught_campaign

from stream_detector.demo.ledger import Answer, Ledger, Truth
from stream_detector.demo.outcome import Latency, Stop, outcome_of, percentile
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Action, Decision, Mode, Subject, SubjectKind
from stream_detector.domain.errors import RejectReason


def _letter() -> DeadLetter:
    return DeadLetter(
        topic="api-calls",
        partition=0,
        offset=1,
        index=0,
        reason=RejectReason.PAST,
        detail="ts: too old",
        payload_bytes=10,
        fields={},
    )


def test_a_campaign_is_told_by_its_first_stops_and_the_calls_that_leaked() -> None:
    campaign = outcome_of(ledger_of_a_caught_campaign()).campaigns[0]
    assert (campaign.name, campaign.accounts, campaign.accounts_acted_on) == ("sweep", 2, 1)
    assert (campaign.calls, campaign.refused, campaign.leaked) == (5, 1, 4)
    assert campaign.throttle == Stop(START + 120, calls_before=2, seconds_before=60.0)
    assert campaign.block == Stop(START + 180, calls_before=3, seconds_before=120.0)
    assert campaign.is_caught


def test_a_campaign_that_made_no_call_is_not_listed() -> None:
    assert [campaign.name for campaign in outcome_of(ledger_of_a_caught_campaign()).campaigns] == ["sweep"]


def test_campaigns_are_listed_in_the_order_in_which_they_started() -> None:
    ledger = Ledger({name: Truth(name, is_attacker=True) for name in "abc"})
    for client, at in (("b", 10), ("c", 30), ("a", 20), ("c", 5)):
        ledger.called(client, START + at, Answer.PASSED)
    assert [campaign.name for campaign in outcome_of(ledger).campaigns] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("action", "mode"), [(Action.BLOCK, Mode.SHADOW), (Action.MARK, Mode.ENFORCE), (Action.ALLOW, Mode.ENFORCE)]
)
def test_only_enforced_throttles_and_blocks_catch_a_campaign(action: Action, mode: Mode) -> None:
    ledger = Ledger({"thief": Truth("sweep", is_attacker=True)})
    ledger.called("thief", START, Answer.PASSED)
    ledger.decided(decision("thief", action, 10, mode=mode), 1.0)
    campaign = outcome_of(ledger).campaigns[0]
    assert not campaign.is_caught
    assert campaign.accounts_acted_on == 0


def test_an_honest_client_that_was_acted_on_is_listed_with_its_strongest_decision() -> None:
    ledger = ledger_of_a_caught_campaign()
    ledger.decided(decision("nightly", Action.BLOCK, 400), 200.0)
    ledger.decided(decision("nightly", Action.ALLOW, 500), 200.0)
    outcome = outcome_of(ledger)
    assert outcome.honest_clients == 2
    (honest,) = outcome.honest_acted_on
    assert (honest.client, honest.label, honest.calls, honest.refused) == ("nightly", "nightly evaluation", 2, 1)
    assert honest.decision.action is Action.BLOCK


def test_calls_that_are_neither_observed_nor_dead_lettered_are_lost() -> None:
    ledger = ledger_of_a_caught_campaign()
    ledger.observed -= 3
    ledger.dead(_letter())
    outcome = outcome_of(ledger)
    assert (outcome.lost, outcome.dead_lettered) == (2, 1)


def test_calls_observed_twice_are_not_passed_over() -> None:
    ledger = ledger_of_a_caught_campaign()
    ledger.observed += 1
    assert outcome_of(ledger).lost == -1


def test_refused_calls_and_unanswered_questions_are_counted_apart() -> None:
    ledger = Ledger({})
    for answer in Answer:
        ledger.called("client", START, answer)
    outcome = outcome_of(ledger)
    assert (outcome.calls, outcome.refused, outcome.unanswered) == (4, 2, 1)


def test_a_decision_about_a_cohort_is_counted_but_changes_no_client() -> None:
    ledger = Ledger({})
    about = decision("x", Action.BLOCK, 0)
    cohort = Decision(
        subject=Subject(SubjectKind.COHORT, "x"),
        action=about.action,
        mode=about.mode,
        risk=about.risk,
        policy_version="1",
        decided_at=START,
        expires_at=START + 1,
    )
    ledger.decided(cohort, 5.0)
    assert ledger.clients == {}
    assert outcome_of(ledger).decisions == {(Action.BLOCK, Mode.ENFORCE): 1}


def test_latency_is_told_as_the_nearest_rank() -> None:
    assert outcome_of(ledger_of_a_caught_campaign()).latency == Latency(count=3, p50_ms=200.0, p99_ms=300.0)
    assert outcome_of(Ledger({})).latency is None


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_percentiles_are_values_that_occurred(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected
