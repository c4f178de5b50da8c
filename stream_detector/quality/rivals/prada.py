"""PRADA: distances between honest queries are normally distributed, those of made-up queries are not.

Idea: of each query, take the distance to the nearest one in the client's growing set; a query joins the set if it lies further
    away than a threshold, which follows the set's own distances (mean less standard deviation, never falling). A client is
    an attacker while the Shapiro-Wilk statistic W of its distances lies below delta.
Source: Juuti, Szyller, Marchal, Asokan, "PRADA: protecting against DNN model stealing attacks", EuroS&P 2019, arXiv 1805.02628.
Parameters: delta 0.90 to 0.95; distances beyond three standard deviations are left out; no verdict before 100 distances.
Changed: L2 distance between sketch vectors instead of images, and one set per client, as a language model has no classes.
    To bound cost, a set keeps its first 1,000 members, W is taken of the last 1,000 distances, and every 50 queries instead
    of every 10. `Delta.AT_BUDGET` asks for the delta that the honest client-days of the warm-up allow.
"""

import math
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.stats import shapiro

from stream_detector.domain.calls import VECTOR_DIMENSIONS, ApiCall
from stream_detector.quality.rivals.budget import ClientDays
from stream_detector.quality.rivals.geometry import Floats, squared_distances

PUBLISHED_DELTA = 0.95
EVERY = 50
"""Queries between two tests."""
MEMBERS = 1_000
"""Of a growing set, at most; and distances tested, at most."""
LEAST = 100
"""Distances before the first verdict."""
_OUTLIER = 3.0
_SMALLEST_RANGE = 1e-9
_LENGTH = 127.0
"""Of a sketch vector."""


class Delta(StrEnum):
    """Where the threshold of W comes from."""

    PUBLISHED = "prada"
    """0.95, whatever honest clients show."""
    AT_BUDGET = "prada_at_budget"
    """So low that one honest client-day in a thousand of the warm-up falls below."""


class Prada:
    """One growing set per client."""

    def __init__(self, delta: Delta = Delta.PUBLISHED) -> None:
        self.name = delta.value
        self.limit = PUBLISHED_DELTA
        """W below which a client is acted on."""
        self._delta = delta
        self._sets: dict[str, _GrowingSet] = {}

    def calibrate(self, calls: Sequence[ApiCall]) -> None:
        """Grow the honest clients' sets, and set delta where it is wanted at the budget."""
        days = ClientDays()
        for call in calls:
            statistic = self._statistic(call)
            days.take_in(call, None if statistic is None else -statistic)
        if self._delta is Delta.AT_BUDGET:
            self.limit = -days.limit()

    def observe(self, call: ApiCall) -> bool:
        """True if the client's distances are not normal. Calls without a vector are left out."""
        statistic = self._statistic(call)
        return statistic is not None and statistic < self.limit

    def _statistic(self, call: ApiCall) -> float | None:
        """W of the client after this call; None between tests."""
        if call.sketch is None or len(call.sketch.vector) != VECTOR_DIMENSIONS:
            return None
        growing = self._sets.get(call.client)
        if growing is None:
            growing = self._sets[call.client] = _GrowingSet()
        return growing.take_in(call.sketch.vector)


class _GrowingSet:
    """Queries that lie far apart, and how far the last queries lay from them."""

    __slots__ = ("_count", "_distances", "_members", "_pending", "_squares", "_sum", "_threshold")

    def __init__(self) -> None:
        self._members = bytearray()
        """As int8: a quarter of the memory, and turned into floats in 5 us."""
        self._pending = bytearray()
        self._distances: deque[float] = deque(maxlen=MEMBERS)
        self._threshold = 0.0
        self._count, self._sum, self._squares = 0, 0.0, 0.0
        """Of the distances with which members joined."""

    def take_in(self, vector: bytes) -> float | None:
        """Take in one query; W after every `EVERY`th, if there are enough distances."""
        self._pending += vector
        if len(self._pending) < EVERY * VECTOR_DIMENSIONS:
            return None
        self._measure(bytes(self._pending))
        self._pending.clear()
        return _normality(np.array(self._distances)) if len(self._distances) > LEAST else None

    def _measure(self, pending: bytes) -> None:
        """One product instead of one per query; those of the batch that join are compared with its rest."""
        batch = _rows(pending)
        nearest = np.full(EVERY, np.inf, np.float32)
        if self._members:
            nearest = squared_distances(batch, _rows(self._members)).min(axis=1)
        if self._count >= MEMBERS:
            self._distances.extend(np.sqrt(nearest).tolist())
            return
        within = squared_distances(batch, batch)
        for index in range(EVERY):
            distance = math.sqrt(nearest[index])
            if not self._count:
                self._join(0.0)
            else:
                self._distances.append(distance)
                if distance <= self._threshold or self._count >= MEMBERS:
                    continue
                self._join(distance)
            self._members += pending[index * VECTOR_DIMENSIONS : (index + 1) * VECTOR_DIMENSIONS]
            np.minimum(nearest, within[index], out=nearest)

    def _join(self, distance: float) -> None:
        self._count += 1
        self._sum += distance
        self._squares += distance * distance
        mean = self._sum / self._count
        deviation = math.sqrt(max(0.0, self._squares / self._count - mean * mean))
        self._threshold = max(self._threshold, mean - deviation)


def _rows(vectors: bytes | bytearray) -> Floats:
    scaled = np.frombuffer(bytes(vectors), np.int8).astype(np.float32)
    scaled /= _LENGTH
    return scaled.reshape(-1, VECTOR_DIMENSIONS)


def _normality(distances: npt.NDArray[np.float64]) -> float | None:
    """W of the distances without outliers; None if too few are left, or all are equal."""
    usual = distances[np.abs(distances - distances.mean()) < _OUTLIER * distances.std()]
    if len(usual) <= LEAST or np.ptp(usual) < _SMALLEST_RANGE:
        return None
    return float(shapiro(usual).statistic)
