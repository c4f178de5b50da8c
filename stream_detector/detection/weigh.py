"""From signals to risk: calibration, the policy's weights, and what analysts said, then fusion."""

from collections.abc import Sequence

from msgspec import Struct

from stream_detector.detection import outlier
from stream_detector.detection.detectors.base import Detector
from stream_detector.detection.feedback import Experience
from stream_detector.detection.fuse import FREE, POWER, Risk, fuse
from stream_detector.detection.policy import DetectorMode, DetectorPolicy, Policy
from stream_detector.detection.profile import Profile
from stream_detector.detection.segment import Segment
from stream_detector.domain.decisions import Reason
from stream_detector.domain.signals import Family, Scored, Signal

ANALYST = "analyst"
"""Stands among the reasons of a client that an analyst confirmed."""
CONFIRMED = 3.5
"""Evidence of a confirmation: throttles by itself, and blocks with one other family."""


class Evidence(Struct, frozen=True):
    """Risk without and with the detectors in shadow mode."""

    enforced: Risk
    every: Risk


class _Scale(Struct, frozen=True, gc=False):
    """One detector's."""

    weight: float
    """The policy's."""
    ceiling: float
    power: float
    enforced: bool
    free: float
    """Suspicion up to which fusion would not count it: calibration, trust and ceilings only take away."""


def _scale(name: str, ceiling: float, policy: DetectorPolicy) -> _Scale:
    power = POWER.get(name, 1.0)
    most = policy.weight * power
    free = 1.0 - 10.0 ** (-FREE / most) if most else 1.0
    return _Scale(policy.weight, ceiling, power, policy.mode is DetectorMode.ENFORCE, free)


class Scales:
    """Weighs what detectors say; what fusion would not count is not weighed."""

    def __init__(self, detectors: Sequence[Detector], policy: Policy) -> None:
        self._policy = policy
        ceilings = {d.name: d.ceiling for d in detectors} | {outlier.NAME: outlier.CEILING}
        self._scales = {name: _scale(name, ceiling, policy.of(name)) for name, ceiling in ceilings.items()}

    def weigh(self, signals: Sequence[Signal], segment: Segment, profile: Profile, experience: Experience) -> Evidence:
        """Evidence of a client.

        Args:
            signals: of all detectors.
            segment: the client's.
            profile: the client's; not changed.
            experience: the partition's.
        """
        every = list(self._of_analyst(profile))
        enforced = list(every)
        excused = profile.judged.excused if self._is_dismissed(profile) else {}
        for signal in signals:
            reading = signal.reading
            scale = self._scales[signal.detector]
            if not isinstance(reading, Scored) or reading.suspicion <= scale.free:
                continue
            factor = scale.weight * experience.trust(signal.detector)
            weight = min(scale.ceiling, factor * segment.evidence(signal, profile.votes))
            weight *= scale.power
            weight -= min(weight, excused.get(signal.family, 0.0))
            reason = Reason(signal.detector, signal.family, reading.suspicion, weight, reading.evidence)
            every.append(reason)
            if scale.enforced:
                enforced.append(reason)
        risk = fuse(every)
        return Evidence(risk if len(enforced) == len(every) else fuse(enforced), risk)

    def _of_analyst(self, profile: Profile) -> Sequence[Reason]:
        if not profile.judged.confirmed(profile.last_ts, self._policy.feedback.confirm_s):
            return ()
        return (Reason(ANALYST, Family.ANALYST, 1.0, CONFIRMED, {"confirmed_at": profile.judged.ts}),)

    def _is_dismissed(self, profile: Profile) -> bool:
        return profile.judged.dismissed(profile.last_ts, self._policy.feedback.dismiss_s)
