"""The detector as it would be had it never seen a family: what was learned from simulated campaigns is learned again without.

Two things were: the purpose model, from made-up clients (`simulate.purposes`), and how much each detector's evidence counts
(`fuse.POWER`). The first is trained again without the habits that resemble the family. The second is fitted here, once with
and once without the family; the shipped numbers are moved by as much as the fit moves.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec
import numpy as np
import numpy.typing as npt

from stream_detector.detection.policy import Policy
from stream_detector.detection.purpose_model import PurposeModel
from stream_detector.quality.outcome import Peaks
from stream_detector.simulate.campaigns import Family
from stream_detector.simulate.purposes import CAMPAIGNS, HONEST, SEED, trained

RESEMBLING: Mapping[Family, frozenset[str]] = {
    Family.HOT_DISTILLER: frozenset({"self_instruct"}),
    Family.EVOLVED_INSTRUCTIONS: frozenset({"evolved"}),
    Family.TEMPLATE_POOL: frozenset({"dialogues"}),
    Family.RUBRIC_JUDGE: frozenset({"rubric_judge"}),
    Family.REASONING_EXTRACTION: frozenset({"reasoning_bare", "reasoning_template"}),
    Family.CAPABILITY_SWEEP: frozenset({"sweep"}),
    Family.BOUNDARY_PROBING: frozenset({"boundary"}),
    Family.TECHNIQUE_SEARCH: frozenset({"techniques", "system_prompts"}),
}
"""Habits of the purpose model's training that resemble a family; the other families resemble none."""
_PENALTY = 1.0
_ROUNDS = 40
_LEAST, _MOST = 0.25, 2.0
"""A slope moves no further: what a policy's weight can express."""


@cache
def purposes_without(family: Family) -> PurposeModel:
    """The purpose model, trained without the family."""
    resembling = RESEMBLING.get(family, frozenset())
    return trained(SEED, (*HONEST, *(habit for habit in CAMPAIGNS if habit.name not in resembling)))


def policy_without(policy: Policy, family: Family, peaks: Sequence[Peaks]) -> Policy:
    """The policy with weights that move every slope as far as it moves when the family is left out of the fit.

    Args:
        policy: the usual one.
        family: to be left out.
        peaks: of honest clients and of campaigns of all families.
    """
    others = [each for each in peaks if each.family != family]
    usual, without = slopes(peaks), slopes(others)
    detectors = {}
    for name in sorted(usual.keys() & without.keys()):
        moved = min(_MOST, max(_LEAST, without[name] / usual[name]))
        detectors[name] = msgspec.structs.replace(policy.of(name), weight=min(_MOST, policy.of(name).weight * moved))
    return msgspec.structs.replace(policy, detectors={**policy.detectors, **detectors})


def slopes(peaks: Sequence[Peaks]) -> dict[str, float]:
    """Detector -> slope of a logistic regression of "is a campaign's" on its evidence, with a penalty towards 1.

    Every client counts the same, however many days it was seen, and so do campaigns and honest clients as a whole.
    """
    names = sorted({name for each in peaks for name in each.evidence})
    evidence = np.array([[each.evidence.get(name, 0.0) for name in names] for each in peaks])
    guilty = np.array([bool(each.family) for each in peaks])
    seen = Counter(each.client for each in peaks)
    weights = np.array([1.0 / seen[each.client] for each in peaks])
    for side in (guilty, ~guilty):
        weights[side] *= 1000.0 / max(weights[side].sum(), 1e-9)
    found = _fit(evidence, guilty.astype(float), weights)
    return dict(zip(names, found.tolist(), strict=True))


def _fit(
    evidence: npt.NDArray[np.float64], guilty: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Newton's method; slopes stay above 0."""
    inputs = np.column_stack([evidence, np.ones(len(evidence))])
    penalty = np.append(np.full(evidence.shape[1], _PENALTY), 0.0)
    target = np.append(np.ones(evidence.shape[1]), 0.0)
    beta = target.copy()
    for _ in range(_ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(inputs @ beta, -30.0, 30.0)))
        gradient = inputs.T @ (weights * (chance - guilty)) + penalty * (beta - target)
        curvature = (inputs * (weights * np.maximum(chance * (1 - chance), 1e-6))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + np.diag(penalty + 1e-6), gradient)
        beta -= step * min(1.0, 1.0 / max(np.abs(step).max(), 1e-9))
        beta[:-1] = np.maximum(beta[:-1], 0.05)
    result: npt.NDArray[np.float64] = beta[:-1]
    return result
