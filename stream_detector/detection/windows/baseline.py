"""The client's own normal: River's exponentially weighted means of a number and of its square.

Two means instead of `river.stats.EWVar`: the first value that an `EWMean` learns becomes its state, so that two floats
restore it exactly, while the state of `EWVar` can only be read as opaque bytes of one River version.
"""

from typing import Self

from river import stats

FADING = 0.02
"""Weight of the newest value: a memory of about fifty values."""


class Baseline:
    """Online model of one number of one client."""

    __slots__ = ("mean", "seen", "square")

    def __init__(self) -> None:
        self.seen = 0
        self.mean = stats.EWMean(FADING)
        self.square = stats.EWMean(FADING)

    def learn(self, value: float) -> None:
        """Take one value in."""
        self.seen += 1
        self.mean.update(value)
        self.square.update(value * value)

    def variance(self) -> float:
        """Exponentially weighted variance (Finch, "Incremental calculation of weighted mean and variance", 2009)."""
        mean: float = self.mean.get()
        square: float = self.square.get()
        return max(0.0, square - mean * mean)

    def state(self) -> tuple[int, float, float]:
        """Everything needed to go on: values seen, mean, mean of squares."""
        return self.seen, self.mean.get(), self.square.get()

    @classmethod
    def from_state(cls, state: tuple[int, float, float]) -> Self:
        """Exactly the baseline that `state` was taken from."""
        baseline = cls()
        baseline.seen, mean, square = state
        if baseline.seen:
            baseline.mean.update(mean)
            baseline.square.update(square)
        return baseline

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baseline) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]  # mutable
