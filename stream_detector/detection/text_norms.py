"""What honest clients of a segment write about: how their windows of prompts differ from each other.

Clients differ by topic far more than a client's own prompts differ by chance, so that the null is the distribution of
*windows of clients*: mean and variance per dimension over clients, not over prompts. A client adds its window once a day.
"""

import math

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from stream_detector.detection.windows.baseline import Baseline
from stream_detector.detection.windows.texts import SHAPES, TextWindow
from stream_detector.domain.calls import VECTOR_DIMENSIONS

DIMENSIONS = VECTOR_DIMENSIONS + SHAPES
MEMORY = 1000.0
"""Windows of clients that a norm remembers."""
REFERENCE = 20
"""Windows that the reference needs before distances from it are learned."""
_FLOAT = np.dtype("<f4")
_FLOOR: npt.NDArray[np.float32] = np.array([1.0] * VECTOR_DIMENSIONS + [0.01, 0.0004, 0.0001], _FLOAT)
"""Variance that chance and rounding leave in the mean of a hundred prompts."""


class TextNorms(Struct, array_like=True):
    """Moments of honest windows, and what is usual for three numbers drawn from a window."""

    seen: float = 0.0
    mean: bytearray = field(default_factory=lambda: bytearray(4 * DIMENSIONS))
    variance: bytearray = field(default_factory=lambda: bytearray(4 * DIMENSIONS))
    distance: Baseline = field(default_factory=lambda: Baseline(MEMORY))
    """log of `distance_of`."""
    far: Baseline = field(default_factory=lambda: Baseline(MEMORY))
    """Share of prompts that are far from the client's others."""
    coherence: Baseline = field(default_factory=lambda: Baseline(MEMORY))
    """`spread_of`."""

    def learn(self, window: TextWindow) -> None:
        """Take in the window of a client above suspicion, once a day (`TextWindow.lend`)."""
        if self.seen >= REFERENCE:
            self.distance.learn(math.log(self.distance_of(window)))
        if window.looks:
            self.far.learn(window.far_share())
        self.coherence.learn(spread_of(window))
        self._move(window)

    def _move(self, window: TextWindow) -> None:
        self.seen = min(MEMORY, self.seen + 1.0)
        mean, variance = np.frombuffer(self.mean, _FLOAT), np.frombuffer(self.variance, _FLOAT)
        weight = np.float32(1.0 / self.seen)
        away = window.mean() - mean
        np.add(mean, weight * away, out=mean)
        np.multiply(1 - weight, variance + weight * away * away, out=variance)

    def or_else(self, everyone: "TextNorms") -> "TextNorms":
        """These norms, or everyone's while these are new."""
        return self if self.distance.seen >= REFERENCE else everyone

    def distance_of(self, window: TextWindow) -> float:
        """Mean over the dimensions of the squared distance from honest windows, in their variances: about 1 for those."""
        away = window.mean() - np.frombuffer(self.mean, _FLOAT)
        scaled = away / np.sqrt(np.frombuffer(self.variance, _FLOAT) + _FLOOR)
        return float(scaled.dot(scaled)) / DIMENSIONS + 1e-6


def spread_of(window: TextWindow) -> float:
    """-log of how incoherent the prompts are: 0 for unrelated texts; grows as they come together."""
    return -math.log(max(1e-3, 1.0 - window.coherence()))
