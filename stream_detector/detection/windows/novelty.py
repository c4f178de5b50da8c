"""Newness: how many different prompts, conversations and word sequences a client sends."""

import math

from msgspec import Struct, field

from stream_detector.detection.windows.distinct import Distinct, SlidingDistinct
from stream_detector.domain.calls import Sketch

DAY_S = 86_400.0
SHINGLES = 2
"""Of each prompt: a sample is enough for a growth law."""


class NoveltyWindow(Struct, array_like=True):
    """Distinct prompts, heads and shingles; the growth law of the shingles."""

    prompts: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(7, DAY_S))
    heads: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(6, DAY_S))
    shingles: Distinct = field(default_factory=lambda: Distinct.of(6))
    seen: int = 0
    half_seen: int = 0
    half_shingles: float = 0.0
    day: int = -1
    today: int = 0
    yesterday: int = 0
    last_head: int = -1

    def observe(self, ts: float, sketch: Sketch) -> None:
        """Count one prompt."""
        day = int(ts // DAY_S)
        is_new_day = day > self.day
        if is_new_day:
            self.yesterday = self.today if day == self.day + 1 else 0
            self.today = 0
            self.day = day
        self.today += 1
        self.seen += 1
        if self.seen == 2 * self.half_seen or self.half_seen == 0:
            self.half_seen = self.seen
            self.half_shingles = self.shingles.count()
        self.prompts.add(ts, sketch.digest)
        if sketch.head != self.last_head or is_new_day:
            self.last_head = sketch.head
            self.heads.add(ts, sketch.head)
        for shingle in sketch.shingles[:SHINGLES]:
            self.shingles.add(shingle)

    def recent(self) -> int:
        """Prompts of the current and the previous day: what the distinct counts are over."""
        return self.today + self.yesterday

    def growth(self) -> float:
        """Heaps exponent of the shingles, d log U / d log N: 1 when every prompt is new, near 0 for one template."""
        if self.half_seen <= 1 or self.seen <= self.half_seen:
            return 1.0
        gained = math.log((self.shingles.count() + 1) / (self.half_shingles + 1))
        return max(0.0, min(1.0, gained / math.log(self.seen / self.half_seen)))
