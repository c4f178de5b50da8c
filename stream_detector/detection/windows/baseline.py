"""What is normal for one number: River's mean and variance, forgetting slowly.

`river.stats.Var` weighs the first values alike, where an exponentially weighted mean would hang on to the very first; once
`memory` values are in, each new one counts 1 / memory. Three numbers restore it exactly, on any machine.
"""

import math
from typing import Self

from river import stats


class Baseline:
    """Online model of one number. Encoded as plain values (`state`, `from_state`)."""

    __slots__ = ("memory", "model")

    def __init__(self, memory: float = 50.0) -> None:
        """Forget with the time constant `memory`, in values."""
        self.memory = memory
        self.model = stats.Var()

    @property
    def seen(self) -> float:
        """Values taken in, at most `memory`."""
        seen: float = self.model.mean.n
        return seen

    @property
    def mean(self) -> float:
        """Mean; 0 before the first value."""
        mean: float = self.model.mean.get()
        return mean

    @property
    def variance(self) -> float:
        """Variance; 0 before the second value."""
        variance: float = self.model.get()
        return max(0.0, variance)

    def learn(self, value: float) -> None:
        """Take one value in."""
        model = self.model
        model.update(value)
        if model.mean.n > self.memory:
            model._S *= self.memory / model.mean.n  # noqa: SLF001 - River's own forgetting has no warm start
            model.mean.n = self.memory

    def deviations(self, value: float, noise: float) -> float:
        """How many standard deviations `value` lies above the mean; `noise` is added to the variance, must be > 0."""
        return (value - self.mean) / math.sqrt(self.variance + noise)

    def state(self) -> tuple[float, float, float, float]:
        """Everything needed to go on: memory, values seen, mean, sum of squared deviations."""
        model = self.model
        return self.memory, model.mean.n, model.mean._mean, model._S  # noqa: SLF001 - explicit instead of a pickle

    @classmethod
    def from_state(cls, state: tuple[float, float, float, float]) -> Self:
        """Exactly the baseline that `state` was taken from."""
        baseline = cls(state[0])
        model = baseline.model
        model.mean.n, model.mean._mean, model._S = state[1:]  # noqa: SLF001
        return baseline

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baseline) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]  # mutable
