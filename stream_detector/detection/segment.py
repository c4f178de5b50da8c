"""Segments: honest clients of one kind, whom a client is compared with."""

import math

from msgspec import Struct, field

from stream_detector.detection.calibration import Calibrator
from stream_detector.detection.features import Features
from stream_detector.detection.outlier import Outlier
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.baseline import Baseline
from stream_detector.domain.signals import Scored, Signal

MAX_SEGMENTS = 64
"""A producer cannot make more by inventing tiers; later ones share `OTHER`."""
OTHER = "other"
_MIN_PROMPTS = 32


def segment_of(profile: Profile) -> str:
    """Tier and kind of client: `app` (a template in most prompts), `direct` (none), `opaque` (no sketches)."""
    templates = profile.templates
    if templates.seen < _MIN_PROMPTS:
        kind = "opaque" if not templates.seen else "direct"
    else:
        _, share = templates.top()
        kind = "app" if max(share, templates.near_share()) >= 0.5 else "direct"  # noqa: PLR2004 - "most"
    return f"{profile.tier[:32]}/{kind}"


class Segment(Struct, array_like=True):
    """What the honest clients of one kind look like: norms, one calibrator per detector, one outlier model."""

    busiest: Baseline = field(default_factory=Baseline)
    day_tokens: Baseline = field(default_factory=Baseline)
    calibrators: dict[str, Calibrator] = field(default_factory=dict)
    outlier: Outlier = field(default_factory=Outlier)

    def evidence(self, signal: Signal) -> float:
        """Calibrated evidence of a signal, -log10 of a probability; 0 while it warms up."""
        if not isinstance(signal.reading, Scored):
            return 0.0
        calibrator = self.calibrators.get(signal.detector)
        if calibrator is None:
            calibrator = self.calibrators[signal.detector] = Calibrator()
        return calibrator.evidence(signal.reading.suspicion)

    def learn(self, features: Features, vector: dict[str, float], signals: list[Signal]) -> None:
        """Take in one honest client; at most once per client and hour."""
        self.busiest.learn(math.log1p(features.busiest_bucket))
        self.day_tokens.learn(math.log1p(features.day_tokens))
        self.outlier.learn(vector)
        for signal in signals:
            if isinstance(signal.reading, Scored):
                self.calibrators.setdefault(signal.detector, Calibrator()).learn(signal.reading.suspicion)
