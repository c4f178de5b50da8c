"""Window MMD: does a window of the client's prompts come from the distribution of honest prompts?

Idea: the maximum mean discrepancy (unbiased, RBF kernel) between the window and a benign reference. The bandwidth is the median
    distance of benign prompts; the threshold, a percentile of a null in which the window is benign too.
Source: Liu, Guo, Dong, arXiv 2606.05725 (2026); Gretton et al., "A kernel two-sample test" (JMLR 2012).
Parameters: windows of 1,500 prompts, one after the other; 1,000 null windows drawn without replacement, 95th percentile.
Changed: sketch vectors and the prompt's shape (length, distinct words, symbols), standardised on the reference, instead of a
    neural embedding: it gets what our own detectors get. One fixed reference, for null and test alike, instead of the mean over
    20 drawn ones, and 100 null windows where they are long, to bound cost. Variants: windows of 100, the 99.9th percentile of
    the null, and the threshold that the honest client-days of the warm-up allow; the null draws from everybody's prompts, and
    no honest client asks like everybody.
"""

import math
from array import array
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from stream_detector.domain.calls import VECTOR_DIMENSIONS, ApiCall, Sketch
from stream_detector.quality.rivals.budget import ClientDays
from stream_detector.quality.rivals.geometry import Floats, squared_distances

PUBLISHED_WINDOW = 1_500
SHORT_WINDOW = 100
_LEAST_REFERENCE = 500
_POOL = 10_000
"""Honest prompts kept, for reference and null."""
_NULL_WINDOWS = 1_000
_NULL_PROMPTS = 150_000
"""Over all null windows: bounds the time for long ones, 13 ms each."""
_SEED = 1


class Threshold(StrEnum):
    """Where the threshold comes from."""

    NULL_95 = "null_95"
    """As published."""
    NULL_999 = "null_99.9"
    AT_BUDGET = "at_budget"
    """One honest client-day in a thousand of the warm-up exceeds it."""


class WindowMmd:
    """One window at a time per client; acts when a full one is unlike the reference."""

    def __init__(self, window: int = PUBLISHED_WINDOW, threshold: Threshold = Threshold.NULL_95) -> None:
        self.name = f"window_mmd_{window}_{threshold}"
        self.limit = math.inf
        """Squared discrepancy; set by `calibrate`."""
        self._window = window
        self._threshold = threshold
        self._prompts: dict[str, _Prompts] = {}
        self._reference: _Reference | None = None

    def calibrate(self, calls: Sequence[ApiCall]) -> None:
        """Draw the reference and the null from all honest prompts, and set the threshold. Without prompts it stays silent."""
        rng = np.random.default_rng(_SEED)
        pool = _pool(calls, rng)
        if len(pool) <= max(2, self._window // 10):
            return
        size = min(max(self._window, _LEAST_REFERENCE), len(pool) // 2)
        self._reference = _Reference(pool[:size], rng)
        if self._threshold is Threshold.AT_BUDGET:
            days = ClientDays()
            for call in calls:
                days.take_in(call, self._discrepancy(call))
            self.limit = days.limit()
            return
        null = self._reference.null(pool[size:], self._window, rng)
        self.limit = float(np.percentile(null, 95.0 if self._threshold is Threshold.NULL_95 else 99.9))

    def observe(self, call: ApiCall) -> bool:
        """True if this call completes a window that is unlike the reference. Calls without a vector are left out."""
        found = self._discrepancy(call)
        return found is not None and found > self.limit

    def _discrepancy(self, call: ApiCall) -> float | None:
        sketch = call.sketch
        if self._reference is None or sketch is None or len(sketch.vector) != VECTOR_DIMENSIONS:
            return None
        prompts = self._prompts.get(call.client)
        if prompts is None:
            prompts = self._prompts[call.client] = _Prompts()
        prompts.take_in(sketch)
        if len(prompts) < self._window:
            return None
        window = prompts.matrix()
        prompts.clear()
        return self._reference.discrepancy(window)


class _Prompts:
    """Prompts as bytes, until they are many enough for a matrix."""

    __slots__ = ("_shapes", "_vectors")

    def __init__(self) -> None:
        self._vectors = bytearray()
        self._shapes = array("f")

    def take_in(self, sketch: Sketch) -> None:
        self._vectors += sketch.vector
        self._shapes.extend((math.log1p(sketch.chars), sketch.distinct_ratio, sketch.symbol_ratio))

    def __len__(self) -> int:
        return len(self._vectors) // VECTOR_DIMENSIONS

    def clear(self) -> None:
        self._vectors.clear()
        del self._shapes[:]

    def matrix(self) -> Floats:
        """One row per prompt."""
        vectors = np.frombuffer(bytes(self._vectors), np.int8).reshape(len(self), VECTOR_DIMENSIONS)
        shapes = np.frombuffer(self._shapes.tobytes(), np.float32).reshape(len(self), -1)
        return np.hstack((vectors.astype(np.float32), shapes))


class _Reference:
    """Honest prompts, the scale of their features, and the kernel's bandwidth."""

    def __init__(self, prompts: Floats, rng: np.random.Generator) -> None:
        self._mean = prompts.mean(axis=0)
        self._deviation = prompts.std(axis=0) + 1e-6
        self._rows = self._standardised(prompts)
        some = self._rows[rng.permutation(len(self._rows))[:_LEAST_REFERENCE]]
        squared = squared_distances(some, some)[np.triu_indices(len(some), 1)]
        positive = squared[squared > 0]
        self._bandwidth = float(np.median(positive)) if len(positive) else 1.0
        """Squared."""
        self._own = self._mean_kernel(self._rows)

    def discrepancy(self, window: Floats) -> float:
        """Unbiased squared MMD between the window and the reference."""
        rows = self._standardised(window)
        across = self._kernel(rows, self._rows).mean(dtype=np.float64)
        return float(self._mean_kernel(rows) + self._own - 2.0 * across)

    def null(self, honest: Floats, window: int, rng: np.random.Generator) -> list[float]:
        """The discrepancy of windows of honest prompts, each drawn without replacement where there are enough."""
        count = min(_NULL_WINDOWS, max(100, _NULL_PROMPTS // window))
        is_short = len(honest) < window
        draws = (rng.choice(len(honest), window, replace=is_short, shuffle=False) for _ in range(count))
        return [self.discrepancy(honest[drawn]) for drawn in draws]

    def _standardised(self, prompts: Floats) -> Floats:
        standardised: Floats = (prompts - self._mean) / self._deviation
        return standardised

    def _mean_kernel(self, rows: Floats) -> float:
        """Over all pairs of different rows."""
        count = len(rows)
        return float((self._kernel(rows, rows).sum(dtype=np.float64) - count) / (count * (count - 1)))

    def _kernel(self, left: Floats, right: Floats) -> Floats:
        squared = squared_distances(left, right)
        squared *= -0.5 / self._bandwidth
        kernel: Floats = np.exp(squared, out=squared)
        return kernel


def _pool(calls: Sequence[ApiCall], rng: np.random.Generator) -> Floats:
    """Up to `_POOL` honest prompts in random order."""
    usable = [call.sketch for call in calls if call.sketch is not None and len(call.sketch.vector) == VECTOR_DIMENSIONS]
    prompts = _Prompts()
    for index in rng.permutation(len(usable))[:_POOL]:
        prompts.take_in(usable[index])
    return prompts.matrix() if usable else np.empty((0, VECTOR_DIMENSIONS), np.float32)
