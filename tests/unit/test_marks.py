"""Which decisions of the engine carry a mark."""

from itertools import islice

import pytest

from stream_detector.detection.detectors.catalogue import build_all
from stream_detector.detection.engine import Engine, Scope
from stream_detector.detection.partition import Partition
from stream_detector.detection.policy import Block, Mark, Policy, Throttle
from stream_detector.detection.population import Neighbours
from stream_detector.detection.profile import Profile
from stream_detector.domain.decisions import Action, Decision, Source
from stream_detector.simulate.campaigns import Campaign, Family
from stream_detector.simulate.scenario import Scenario, traffic

_PROBER = Scenario(
    clients=0, campaigns=(Campaign(id="prober", family=Family.LOGIT_PROBER, calls_per_account_day=40_000),)
)

_NO_BLOCK = Block(risk=1.0)


def decisions(policy: Policy) -> list[Decision]:
    """What a prober's first calls lead to."""
    engine, profile, scope = Engine(build_all(), policy), Profile(), Scope(Partition(), Neighbours(), {})
    made = [
        engine.observe(call, Source(0, offset), profile, scope)
        for offset, call in enumerate(islice(traffic(_PROBER), 600))
    ]
    return [each for each in made if each is not None]


@pytest.mark.parametrize(
    ("policy", "marked"),
    [
        (Policy(), set()),
        (Policy(throttle=Throttle(mark=True)), {Action.THROTTLE}),
        (Policy(mark=Mark(risk=0.01), throttle=Throttle(mark=True)), {Action.MARK, Action.THROTTLE}),
        (Policy(mark=Mark(risk=0.01)), {Action.MARK}),
    ],
    ids=["built-in", "throttles", "both", "marks"],
)
def test_marks_and_where_the_policy_says_so_throttles_carry_a_mark_of_their_own(
    policy: Policy, marked: set[Action]
) -> None:
    made = decisions(Policy(mark=policy.mark, throttle=policy.throttle, block=_NO_BLOCK))
    assert {each.action for each in made if each.mark} == marked
    assert all(each.mark for each in made if each.action in marked)
    marks = [each.mark for each in made if each.mark]
    assert len(set(marks)) == len(marks)


def test_a_block_carries_no_mark() -> None:
    blocks = [each for each in decisions(Policy(throttle=Throttle(mark=True))) if each.action is Action.BLOCK]
    assert [each.mark for each in blocks] == [""] * max(1, len(blocks))
