"""From suspicion to evidence: how rare is this score among the honest clients of the same segment?"""

import math

from msgspec import Struct, field

from stream_detector.detection.digest import Digest

DECADES = 6
OWN_VOTES = 24
"""At most this many votes are taken for the client's own: a day's worth. It matters while a segment is small."""
PRIOR = 50.0
"""Until so many scores were seen, the detector's own null model counts as much as they do."""
ALIKE = 0.05
"""Honest scores up to so many decades lower count as equal: the sketch groups what is alike, and errs on the honest side."""


def surprise(suspicion: float) -> float:
    """-log10 of the tail probability that a suspicion stands for, 0 to `DECADES`."""
    return min(float(DECADES), -math.log10(max(1.0 - suspicion, 10.0**-DECADES)))


class Calibrator(Struct, array_like=True):
    """Sketch of one detector's surprise in one segment, learned from clients not acted upon.

    It can only take evidence away: where many honest clients of a segment score high, a high score means little there; but
    that nobody scored high yet is no evidence beyond the detector's own null model.
    """

    scores: Digest = field(default_factory=Digest)

    @property
    def total(self) -> int:
        """Weight of the scores learned: their count, until the first are forgotten."""
        return self.scores.weight

    def learn(self, suspicion: float) -> None:
        """Take in one honest client's score; about once per client and hour."""
        self.scores.add(surprise(suspicion))

    def evidence(self, suspicion: float, own_votes: int) -> float:
        """-log10 of the calibrated tail probability: at most the detector's own surprise, at least 0.

        Args:
            suspicion: of the client, 0 to 1.
            own_votes: how often this client was learned; what it said itself does not speak for it.
        """
        own = surprise(suspicion)
        exceeding = self.scores.at_least(own - ALIKE) - min(own_votes, OWN_VOTES)
        if exceeding <= 0:
            return own
        observed = (exceeding + PRIOR * 10.0**-own) / (self.total + PRIOR)
        return max(0.0, min(own, -math.log10(observed)))
