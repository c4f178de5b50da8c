"""How much in all: lifetime and 90-day totals of what the client took away."""

import math

from msgspec import Struct, field

from stream_detector.detection.cues import Cue
from stream_detector.detection.windows.distinct import Distinct
from stream_detector.domain.calls import ApiCall

MEMORY_S = 90 * 86_400.0
"""Time constant of the decayed totals."""
FORGET_EVERY_S = 3600.0


_DESCRIPTIVE = int(Cue.BENCHMARK)


class BudgetWindow(Struct, array_like=True, gc=False):
    """Distinct prompts of a lifetime, and how many bore cues; output tokens, exponentially forgotten over 90 days."""

    prompts: Distinct = field(default_factory=lambda: Distinct.of(6))
    output_tokens: float = 0.0
    input_tokens: float = 0.0
    """Likewise, as is the next; only of calls that say both what went in and what came out."""
    returned_tokens: float = 0.0
    updated_ts: float = -1.0
    quota: float = -1.0
    """Calls a day that the subscription allows, read about once an hour; -1 where the gateway does not say."""
    seen: int = 0
    """Prompts of a lifetime,"""
    cued: int = 0
    """and those with a cue other than `BENCHMARK`."""

    def observe(self, call: ApiCall) -> None:
        """Count one call."""
        if call.ts - self.updated_ts >= FORGET_EVERY_S:
            self._forget(call.ts)
            if call.quota is not None:
                self.quota = call.quota
        if call.output_tokens:
            self.output_tokens += call.output_tokens
            if call.input_tokens:
                self.input_tokens += call.input_tokens
                self.returned_tokens += call.output_tokens
        sketch = call.sketch
        if sketch is not None:
            self.prompts.add(sketch.digest)
            self.seen += 1
            if sketch.cues and sketch.cues != _DESCRIPTIVE:
                self.cued += 1

    def _forget(self, ts: float) -> None:
        if self.updated_ts >= 0:
            keep = math.exp((self.updated_ts - ts) / MEMORY_S)
            self.output_tokens *= keep
            self.input_tokens *= keep
            self.returned_tokens *= keep
        self.updated_ts = ts

    def output_ratio(self) -> float:
        """Output tokens for an input token; 0 where nobody counts them."""
        return self.returned_tokens / self.input_tokens if self.input_tokens > 0 else 0.0
