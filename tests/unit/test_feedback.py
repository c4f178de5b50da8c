"""What an analyst's word changes: the client at once, detectors little by little, and nothing twice."""

import json
from itertools import islice

import msgspec
import pytest

from stream_detector.detection import state
from stream_detector.detection.detectors.catalogue import build_all
from stream_detector.detection.engine import Engine, Scope
from stream_detector.detection.feedback import Experience, Record
from stream_detector.detection.partition import Partition
from stream_detector.detection.policy import Policy
from stream_detector.detection.population import Neighbours
from stream_detector.detection.profile import Profile
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Decision, Mode, Reason, Source
from stream_detector.domain.errors import RejectReason
from stream_detector.domain.feedback import Feedback, Judgement
from stream_detector.domain.signals import Family
from stream_detector.simulate.campaigns import Campaign
from stream_detector.simulate.campaigns import Family as CampaignFamily
from stream_detector.simulate.scenario import Scenario, traffic
from stream_detector.wire import calls as wire

_PROBER = Scenario(
    clients=0, campaigns=(Campaign(id="prober", family=CampaignFamily.LOGIT_PROBER, calls_per_account_day=40_000),)
)
_REASON = Reason("coverage", Family.CONTENT, 0.99, 2.0, {"prompts": 5000.0})


class World:
    """One client in one partition."""

    def __init__(self) -> None:
        self.engine = Engine(build_all(), Policy())
        self.scope = Scope(Partition(), Neighbours(), {})
        self.profile = Profile()
        self.count = 0

    def ask(self, calls: list[ApiCall]) -> list[Decision]:
        made = [self.engine.observe(call, self._source(), self.profile, self.scope) for call in calls]
        return [decision for decision in made if decision is not None]

    def hear(self, judgement: Judgement, ref: str = "1", reasons: tuple[Reason, ...] = ()) -> Decision | None:
        feedback = Feedback(
            feedback=judgement,
            ref=ref,
            ts=self.profile.last_ts + 1,
            client="someone",
            reason="we asked them",
            reasons=reasons,
        )
        return self.engine.hear(feedback, self._source(), self.profile, self.scope)

    def _source(self) -> Source:
        self.count += 1
        return Source(0, self.count)


@pytest.fixture(scope="module")
def calls() -> list[ApiCall]:
    return list(islice(traffic(_PROBER), 1200))


def test_dismissal_releases_a_blocked_client_and_what_was_seen_counts_no_more(calls: list[ApiCall]) -> None:
    world = World()
    assert world.ask(calls[:600])[-1].action is Action.BLOCK
    released = world.hear(Judgement.DISMISS)
    assert released is not None
    assert (released.action, released.mode) == (Action.ALLOW, Mode.ENFORCE)
    assert released.note == "dismiss by an analyst: we asked them"
    assert world.ask(calls[600:640]) == []
    assert world.profile.standing.action is Action.ALLOW
    assert world.profile.standing.strikes == 0 or world.profile.standing.strikes < released.risk * 100


def test_confirmation_blocks_a_client_against_whom_nothing_stands(calls: list[ApiCall]) -> None:
    world = World()
    world.ask(calls[:10])
    decision = world.hear(Judgement.CONFIRM)
    assert decision is not None
    assert (decision.action, decision.mode) == (Action.BLOCK, Mode.ENFORCE)
    assert world.profile.standing.action is Action.BLOCK


def test_a_confirmed_client_stays_suspect_with_little_else() -> None:
    world = World()
    quiet = [ApiCall(id=str(number), ts=1e9 + 60.0 * number, client="someone") for number in range(400)]
    world.ask(quiet[:20])
    blocked = world.hear(Judgement.CONFIRM)
    assert blocked is not None
    later = [msgspec.structs.replace(call, ts=call.ts + blocked.expires_at - 1e9 + 7200.0) for call in quiet]
    [decision] = world.ask(later[:40])
    assert decision.action is Action.THROTTLE
    assert decision.reasons[0].detector == "analyst"


def test_a_judgement_heard_twice_is_heeded_once(calls: list[ApiCall]) -> None:
    world = World()
    world.ask(calls[:600])
    assert world.hear(Judgement.DISMISS, "7") is not None
    before = state.encode(world.scope.partition)
    assert world.hear(Judgement.DISMISS, "7") is None
    assert state.encode(world.scope.partition) == before


def test_a_partition_that_does_not_know_the_client_learns_from_the_reasons_only() -> None:
    world = World()
    assert world.hear(Judgement.DISMISS, reasons=(_REASON,)) is None
    assert world.scope.partition.experience.trust("coverage") < 1.0
    assert world.profile == Profile()


def test_trust_falls_with_dismissals_and_comes_back_with_confirmations() -> None:
    experience = Experience()
    trusts = [experience.trust("coverage")]
    for judgement in (Judgement.DISMISS, Judgement.DISMISS, Judgement.CONFIRM, Judgement.CONFIRM):
        experience.learn(judgement, (_REASON,))
        trusts.append(experience.trust("coverage"))
    assert trusts[0] == 1.0
    assert trusts[0] > trusts[1] > trusts[2] < trusts[3] < trusts[4]
    assert experience.trust("volume_spike") == 1.0


def test_no_number_of_dismissals_silences_a_detector_for_good() -> None:
    experience = Experience()
    for _ in range(100_000):
        experience.learn(Judgement.DISMISS, (_REASON,))
    assert 0.0 < experience.trust("coverage") < 0.15
    assert experience.records["coverage"].dismissed <= 200


def test_a_resumed_partition_has_learned_the_same(calls: list[ApiCall]) -> None:
    world = World()
    world.ask(calls[:600])
    world.hear(Judgement.DISMISS)
    resumed = state.decode_partition(state.encode(world.scope.partition))
    assert resumed.experience == world.scope.partition.experience
    assert state.decode_profile(state.encode(world.profile)).judged == world.profile.judged


def test_feedback_is_told_from_calls_and_a_bad_one_is_explained() -> None:
    feedback = Feedback(feedback=Judgement.CONFIRM, ref="a", ts=1.0, client="someone", reason="sold our answers")
    decoded = wire.decode(wire.encode_feedback(feedback), max_bytes=10_000)
    assert (decoded.calls, decoded.rejected, decoded.feedback) == ([], [], feedback)

    bad = json.dumps({"feedback": "maybe", "ref": "a", "ts": 1.0, "client": "someone", "reason": "?"}).encode()
    [rejected] = wire.decode(bad, max_bytes=10_000).rejected
    assert rejected.error.reason is RejectReason.INVALID_FIELD
    assert rejected.error.detail == "feedback: must be one of confirm, dismiss, got 'maybe'"


def test_a_call_with_a_field_of_that_name_is_still_a_call() -> None:
    value = json.dumps({"id": "1", "ts": 1.0, "client": "someone", "feedback": "confirm"}).encode()
    assert len(wire.decode(value, max_bytes=10_000).calls) == 1


def test_a_new_record_trusts_fully() -> None:
    assert Record().trust() == 1.0
