"""What it writes about: the mean of the last prompts' sketch vectors, and of the client's own past.

Vectors are salted per installation, so that nothing learned on one means anything on another; all references are online.
Sums are fixed-point in byte arrays (numpy views): 200 bytes a client, and sums of clients add up.
"""

from math import log1p, sqrt

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from stream_detector.domain.calls import VECTOR_DIMENSIONS, ApiCall

MEMORY = 256
"""At this many prompts all sums are halved; 256 int8 fit an int16."""
SHAPES = 3
"""Logarithm of the length, share of distinct words, share of symbols."""
LOOK_EVERY = 8
"""So many prompts pass between two that are compared with the mean."""
LOOKS = 64
"""At this many compared prompts their sums are halved."""
ENOUGH = 64
"""Prompts from which a mean says something."""
OWN_DAYS = 3
"""The client's own reference takes the mean in after so many days,"""
OWN_WEIGHT = 4
"""with this weight of its past at most: about two weeks. Larger ones would be lost in rounding."""
FAR = 0.5
"""A prompt this much less similar to the mean than prompts usually are is far."""
SCALE = 127.0
"""Length of a sketch vector."""
DAY_S = 86_400.0

_SUMS = np.dtype("<i2")
_VECTOR = np.dtype(np.int8)
Mean = npt.NDArray[np.float32]


class TextWindow(Struct, array_like=True, gc=False):
    """Decayed sums over the last one to two hundred prompts, and a slow reference of its own."""

    seen: int = 0
    """Prompts in the sums."""
    sums: bytearray = field(default_factory=lambda: bytearray(2 * VECTOR_DIMENSIONS))
    shapes: list[float] = field(default_factory=lambda: [0.0] * SHAPES)
    own: bytearray = field(default_factory=lambda: bytearray(VECTOR_DIMENSIONS))
    own_means: int = 0
    """Means that made the reference, at most `OWN_WEIGHT`."""
    day: int = -1
    own_day: int = -1
    """When the reference last changed."""
    lent_day: int = -1
    """When the segment last learned from this window (`lend`)."""
    looks: int = 0
    """Prompts compared with the mean,"""
    similarity: float = 0.0
    """the sum of their cosines,"""
    far: int = 0
    """how many were far,"""
    tokens: float = 0.0
    """their output tokens,"""
    core_tokens: float = 0.0
    """and those of the ones that were not far."""

    def observe(self, call: ApiCall) -> None:
        """Take in the prompt of one call, if it has a vector."""
        sketch = call.sketch
        if sketch is None or len(sketch.vector) != VECTOR_DIMENSIONS:
            return
        if sketch.digest & 1 and self.seen >= ENOUGH:
            return  # half of all texts, by a salted hash that nobody can aim at, are enough
        day = int(call.ts // DAY_S)
        if day > self.day:
            self._turn(day)
        sums = np.frombuffer(self.sums, _SUMS)
        vector = np.frombuffer(sketch.vector, _VECTOR)
        if self.seen % LOOK_EVERY == 0 and self.seen >= ENOUGH:
            self._look(sums, vector, call.output_tokens or 0)
        if self.seen >= MEMORY:
            self._halve(sums)
        self.seen += 1
        np.add(sums, vector, out=sums)
        shapes = self.shapes
        shapes[0] += log1p(sketch.chars)
        shapes[1] += sketch.distinct_ratio
        shapes[2] += sketch.symbol_ratio

    def _halve(self, sums: npt.NDArray[np.int16]) -> None:
        sums >>= 1
        self.seen >>= 1
        self.shapes = [shape / 2 for shape in self.shapes]

    def _look(self, sums: npt.NDArray[np.int16], vector: npt.NDArray[np.int8], tokens: int) -> None:
        """Compare a prompt with the mean before it joins it."""
        mean, single = sums.astype(np.float32), vector.astype(np.float32)
        length = sqrt(float(mean.dot(mean)) * float(single.dot(single)))
        cosine = float(mean.dot(single)) / length if length else 0.0
        if self.looks >= LOOKS:
            self.looks >>= 1
            self.far >>= 1
            self.similarity /= 2
            self.tokens /= 2
            self.core_tokens /= 2
        is_far = self.looks > 0 and cosine < FAR * self.similarity / self.looks
        self.looks += 1
        self.similarity += cosine
        self.far += is_far
        self.tokens += tokens
        self.core_tokens += 0 if is_far else tokens

    def _turn(self, day: int) -> None:
        """A day is over: now and then its mean goes into the client's own reference."""
        if self.seen >= ENOUGH and (self.own_means == 0 or day - self.own_day >= OWN_DAYS):
            self.own_means = min(OWN_WEIGHT, self.own_means + 1)
            own = np.frombuffer(self.own, _VECTOR)
            moved = own + (self.mean()[:VECTOR_DIMENSIONS] - own) / self.own_means
            self.own[:] = np.rint(moved).astype(np.int8).tobytes()
            self.own_day = day
        self.day = day

    def lend(self) -> bool:
        """Whether the segment may learn from this window: once a day, and only if it says something."""
        if self.seen < ENOUGH or self.day <= self.lent_day:
            return False
        self.lent_day = self.day
        return True

    def mean(self) -> Mean:
        """Mean vector of the last prompts, and the means of their `SHAPES`; zeros before the first."""
        mean = np.empty(VECTOR_DIMENSIONS + SHAPES, np.float32)
        mean[:VECTOR_DIMENSIONS] = np.frombuffer(self.sums, _SUMS)
        mean[VECTOR_DIMENSIONS:] = self.shapes
        mean *= np.float32(1.0 / max(1, self.seen))
        return mean

    def coherence(self) -> float:
        """Mean cosine of two different prompts of the window: near 0 for unrelated texts, near 1 for one template."""
        sums = np.frombuffer(self.sums, _SUMS).astype(np.float32)
        count = self.seen
        if count <= 1:
            return 0.0
        return max(0.0, min(1.0, (float(sums.dot(sums)) / SCALE**2 - count) / (count * (count - 1))))

    def drift(self) -> float:
        """One minus the cosine of the mean and the client's own reference: 0 for the same texts, 1 for unrelated ones."""
        mean, own = self.mean()[:VECTOR_DIMENSIONS], np.frombuffer(self.own, _VECTOR).astype(np.float32)
        length = sqrt(float(mean.dot(mean)) * float(own.dot(own)))
        return 1.0 - float(mean.dot(own)) / length if length else 0.0

    def far_share(self) -> float:
        """Share of the prompts that are far from the others: a second kind of text in one key."""
        return self.far / self.looks if self.looks else 0.0

    def core_share(self) -> float:
        """Share of the output tokens that go to the prompts near the mean; 1 before anything was compared."""
        return self.core_tokens / self.tokens if self.tokens else 1.0
