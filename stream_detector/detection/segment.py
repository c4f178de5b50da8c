"""Segments: honest clients of one kind, whom a client is compared with."""

from collections.abc import Sequence

from msgspec import Struct, field

from stream_detector.detection.calibration import Calibrator, surprise
from stream_detector.detection.features import Features
from stream_detector.detection.fuse import POWER, voices
from stream_detector.detection.norms import Norms
from stream_detector.detection.outlier import Outlier
from stream_detector.detection.text_norms import TextNorms
from stream_detector.domain.signals import Family, Scored, Signal

MAX_SEGMENTS = 64
"""A producer cannot make more by inventing tiers; later ones share `OTHER`."""
OTHER = "other"
UNSUSPECTED = 1.5
"""Evidence of the families together up to which nothing speaks against a client: risk 0.25."""
_DISMISSED_VOTES = 24
"""Scores that a dismissed client counts for: a day's worth."""


class Segment(Struct, array_like=True):
    """What the honest clients of one kind look like: norms, one calibrator per detector, one outlier model."""

    norms: Norms = field(default_factory=Norms)
    calibrators: dict[str, Calibrator] = field(default_factory=dict)
    outlier: Outlier = field(default_factory=Outlier)
    texts: TextNorms = field(default_factory=TextNorms)

    def evidence(self, signal: Signal, own_votes: int) -> float:
        """Calibrated evidence of a signal, -log10 of a probability; 0 while it warms up.

        `own_votes`: how often the client was learned.
        """
        if not isinstance(signal.reading, Scored):
            return 0.0
        if (
            signal.family is Family.COORDINATION
        ):  # its null is the population itself; members of a campaign are no sample
            return surprise(signal.reading.suspicion)
        calibrator = self.calibrators.get(signal.detector)
        if calibrator is None:
            return surprise(signal.reading.suspicion)
        return calibrator.evidence(signal.reading.suspicion, own_votes)

    def excuse(self, signals: Sequence[Signal]) -> None:
        """Take in the scores of a client that an analyst found honest, whatever else speaks against it."""
        for signal in signals:
            if isinstance(signal.reading, Scored):
                calibrator = self.calibrators.setdefault(signal.detector, Calibrator())
                for _ in range(_DISMISSED_VOTES):
                    calibrator.learn(signal.reading.suspicion)

    def learn(self, features: Features, signals: Sequence[Signal]) -> bool:
        """Take in one client that is not acted on; at most once per client and hour. Returns whether it is above suspicion.

        A detector learns the score of a client that no *other* family speaks against: so it gets to know its own honest
        look-alikes, but not a campaign that shows in several ways. Norms and outliers learn from clients above suspicion.
        """
        strongest = voices(
            (signal.family, POWER.get(signal.detector, 1.0) * surprise(signal.reading.suspicion))
            for signal in signals
            if isinstance(signal.reading, Scored)
        )
        total = sum(strongest.values())
        for signal in signals:
            if isinstance(signal.reading, Scored) and total - strongest[signal.family] < UNSUSPECTED:
                self.calibrators.setdefault(signal.detector, Calibrator()).learn(signal.reading.suspicion)
        if total >= UNSUSPECTED:
            return False
        self.norms.learn(features)
        self.outlier.learn(features.vector)
        return True
