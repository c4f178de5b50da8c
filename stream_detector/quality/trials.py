"""Other ways to decide, tried on kept evaluations: without a detector, and at other thresholds."""

from collections.abc import Mapping

from msgspec import Struct

from stream_detector.detection.policy import Policy
from stream_detector.quality.evaluations import Evaluation, at_threshold, detectors_in, tried
from stream_detector.quality.labels import Label
from stream_detector.quality.outcome import Trial
from stream_detector.quality.scoring import judge
from stream_detector.quality.standing import InForce
from stream_detector.quality.traffic import Sent

AS_IT_IS = "as it is"
WITHOUT = "without "
THRESHOLD = "threshold "
THRESHOLDS = tuple(round(0.15 + 0.025 * step, 3) for step in range(29))
"""Risks from which to throttle; a policy may name any."""


class Scene(Struct, frozen=True):
    """What a trial is judged by."""

    truth: Mapping[str, Label]
    traffic: Mapping[str, Sent]
    days: int
    """Honest client-days."""

    def judge(self, periods: Mapping[str, tuple[InForce, ...]]) -> Trial:
        """What was in force, as the figures of a trial. Honest clients never acted on need no second look."""
        concerned = {
            client: label for client, label in self.truth.items() if label.campaign is not None or client in periods
        }
        judged = judge(concerned, periods, self.traffic)
        return Trial(
            found={each.id: each.found for each in judged.campaigns},
            leaked={each.id: each.throttle.calls_share or 0.0 for each in judged.campaigns},
            days=self.days,
            acted_on=int(sum(each.acted_on or 0 for each in judged.people.values())),
        )


def trials_of(scene: Scene, evaluations: Mapping[str, list[Evaluation]], policy: Policy) -> dict[str, Trial]:
    """All of them."""
    usual = tried(evaluations, policy)
    trials = {AS_IT_IS: scene.judge(usual)}
    spoke = {client: detectors_in(mine) for client, mine in evaluations.items()}
    for detector in sorted(frozenset().union(*spoke.values())):
        concerned = {client: mine for client, mine in evaluations.items() if detector in spoke[client]}
        others = {client: periods for client, periods in usual.items() if client not in concerned}
        trials[WITHOUT + detector] = scene.judge(others | tried(concerned, policy, without=detector))
    for risk in THRESHOLDS:
        trials[f"{THRESHOLD}{risk}"] = scene.judge(tried(evaluations, at_threshold(policy, risk)))
    return trials
