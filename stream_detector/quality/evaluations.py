"""What the engine thought of clients, kept so that other ways to decide can be tried without running it again.

This leaves out what an action changes: a client that is acted on teaches its segment nothing. So a changed decision is
compared with the same decision from kept evaluations (`tried` without changes), not with the engine's own.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from stream_detector.detection.fuse import POWER, Risk, fuse
from stream_detector.detection.ladder import climb
from stream_detector.detection.policy import Policy
from stream_detector.detection.profile import Standing
from stream_detector.detection.weigh import Evidence
from stream_detector.domain.decisions import Action, Mode, Reason
from stream_detector.quality.standing import InForce, in_turn
from stream_detector.quality.traffic import DAY_S

FLOOR = 0.1
"""Evaluations with less risk are not kept: no threshold that is tried reaches down to there."""
_RELEASE_SHARE = 0.75
"""Of the threshold that is tried: as in the built-in policy."""
_NO_EVIDENCE: Mapping[str, float] = {}


class Evaluation(Struct, frozen=True):
    """One evaluation of a client."""

    at_s: float
    """Event time."""
    risk: Risk


class Evaluations:
    """Implements `engine.OnEvaluation`."""

    def __init__(self) -> None:
        self.of: dict[str, list[Evaluation]] = {}
        """Client -> its evaluations with some risk, in order."""
        self.peaks: dict[tuple[str, int], dict[str, float]] = {}
        """(client, UTC day) -> detector -> the most evidence on that day, before `fuse.POWER`."""
        self.count = 0
        """All of them."""

    def __call__(self, client: str, now_s: float, evidence: Evidence) -> None:
        """Keep one."""
        self.count += 1
        risk = evidence.enforced
        peaks = self.peaks.setdefault((client, int(now_s // DAY_S)), {})
        for reason in risk.reasons:
            weight = reason.weight / POWER.get(reason.detector, 1.0)
            if weight > peaks.get(reason.detector, 0.0):
                peaks[reason.detector] = weight
        if risk.value < FLOOR:
            return
        reasons = tuple(Reason(r.detector, r.family, r.suspicion, r.weight, dict(_NO_EVIDENCE)) for r in risk.reasons)
        self.of.setdefault(client, []).append(Evaluation(now_s, Risk(risk.value, risk.families, reasons)))


def tried(
    evaluations: Mapping[str, Sequence[Evaluation]], policy: Policy, *, without: str = ""
) -> dict[str, tuple[InForce, ...]]:
    """What would have been in force under a policy.

    Args:
        evaluations: by client.
        policy: thresholds and durations.
        without: a detector that stays silent.
    """
    found = {client: _tried(mine, policy, without) for client, mine in evaluations.items()}
    return {client: periods for client, periods in found.items() if periods}


def at_threshold(policy: Policy, risk: float) -> Policy:
    """The policy with another threshold to throttle; a block never needs less."""
    throttle = msgspec.structs.replace(policy.throttle, risk=risk, release=risk * _RELEASE_SHARE)
    block = msgspec.structs.replace(policy.block, risk=max(policy.block.risk, risk))
    return msgspec.structs.replace(policy, throttle=throttle, block=block)


def detectors_in(evaluations: Sequence[Evaluation]) -> frozenset[str]:
    """Who spoke."""
    return frozenset(reason.detector for each in evaluations for reason in each.risk.reasons)


def _tried(evaluations: Sequence[Evaluation], policy: Policy, without: str) -> tuple[InForce, ...]:
    standing = Standing()
    periods = []
    for each in evaluations:
        risk = each.risk
        if without:
            risk = fuse([reason for reason in risk.reasons if reason.detector != without])
        step = climb(policy, standing, risk, risk, each.at_s)
        if step is None:
            continue
        standing.action, standing.mode, standing.strikes = step.action, step.mode, step.strikes
        standing.expires_at = each.at_s + step.duration_s
        if step.mode is Mode.ENFORCE:
            limit = policy.throttle.limit() if step.action is Action.THROTTLE else None
            periods.append(InForce(step.action, each.at_s, standing.expires_at, limit))
    return in_turn(periods)
