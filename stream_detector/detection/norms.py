"""What is usual among honest clients: of a segment, and of the whole partition while a segment is new."""

import math

from msgspec import Struct, field

from stream_detector.detection.features import Features
from stream_detector.detection.windows.baseline import Baseline

MEMORY = 1000.0
"""Clients' hours that a norm remembers."""
ENOUGH = 50
"""Clients' hours that a segment must have learned before its own norm counts."""


class Norms(Struct, array_like=True):
    """River baselines over clients: each client adds a value about once an hour."""

    busiest: Baseline = field(default_factory=lambda: Baseline(MEMORY))
    """log1p of the calls in a client's busiest five minutes."""
    token_rate: Baseline = field(default_factory=lambda: Baseline(MEMORY))
    """log1p of a client's output tokens an hour."""
    prompts: Baseline = field(default_factory=lambda: Baseline(MEMORY))
    """log1p of a client's distinct prompts of a lifetime."""
    output_tokens: Baseline = field(default_factory=lambda: Baseline(MEMORY))
    """log1p of a client's output tokens of 90 days."""

    def learn(self, features: Features) -> None:
        """Take in one client above suspicion."""
        self.busiest.learn(math.log1p(features.busiest_bucket))
        self.token_rate.learn(math.log1p(features.token_rate))
        self.prompts.learn(math.log1p(features.lifetime_prompts))
        self.output_tokens.learn(math.log1p(features.output_tokens_90d))

    def or_else(self, everyone: "Norms") -> "Norms":
        """These norms, or everyone's while these are new."""
        return self if self.token_rate.seen >= ENOUGH else everyone
