"""What is normal for one number: River's mean and variance, forgetting slowly.

`river.stats.Var` weighs the first values alike, where an exponentially weighted mean would hang on to the very first; once
`memory` values are in, each new one counts 1 / memory. Three numbers restore it exactly, on any machine.
"""

import math
from typing import Self

from river import stats


class Baseline:
    """Online model of one number. Encoded as plain values (`state`, `from_state`).

    Between two values it holds numbers only: a client has several baselines, and River's objects are ten times as large.
    """

    __slots__ = ("_squares", "mean", "memory", "seen")

    def __init__(self, memory: float = 50.0) -> None:
        """Forget with the time constant `memory`, in values."""
        self.memory = memory
        self.seen = 0.0
        """Values taken in, at most `memory`."""
        self.mean = 0.0
        """0 before the first value."""
        self._squares = 0.0
        """Sum of squared deviations."""

    @property
    def variance(self) -> float:
        """Variance; 0 before the second value."""
        return max(0.0, self._squares / (self.seen - 1)) if self.seen > 1 else 0.0

    def learn(self, value: float) -> None:
        """Take one value in."""
        model = stats.Var()
        model.mean.n, model.mean._mean, model._S = self.seen, self.mean, self._squares  # noqa: SLF001 - no warm start
        model.update(value)
        self.seen, self.mean, self._squares = model.mean.n, model.mean.get(), model._S  # noqa: SLF001
        if self.seen > self.memory:
            self._squares *= self.memory / self.seen
            self.seen = self.memory

    def deviations(self, value: float, noise: float) -> float:
        """How many standard deviations `value` lies above the mean; `noise` is added to the variance, must be > 0."""
        return (value - self.mean) / math.sqrt(self.variance + noise)

    def state(self) -> tuple[float, float, float, float]:
        """Everything needed to go on: memory, values seen, mean, sum of squared deviations."""
        return self.memory, self.seen, self.mean, self._squares

    @classmethod
    def from_state(cls, state: tuple[float, float, float, float]) -> Self:
        """Exactly the baseline that `state` was taken from."""
        baseline = cls(state[0])
        baseline.seen, baseline.mean, baseline._squares = state[1:]
        return baseline

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baseline) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]  # mutable
