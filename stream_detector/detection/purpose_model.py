"""Is this client's traffic elicitation? River's logistic regression over cue shares, refusals and the shape of its prompts.

It starts from `purpose_model.toml`, which `make purposes` trains again, to the byte, on clients that
`stream_detector.simulate.purposes` makes up; from then on it learns from analysts' confirmations and dismissals.

Cues are pooled: which of them a campaign uses must not matter, or a kind of campaign that was never seen would look honest.
"""

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Self

import msgspec
from msgspec import Struct
from river import linear_model, optim, utils

from stream_detector.detection.windows.purposes import PurposeWindow

LEARNING_RATE = 0.05
L2 = 1e-4
ANALYST_WEIGHT = 2.0
"""A judgement of a real client counts for as many made-up ones."""
MIN_SAMPLES = 8
"""Sampled prompts before a shape means something."""
UNKNOWN = 0.5
_LENGTH_BITS = 16.0
_KINDS = 3.0
_USED = 0.02
"""A cue in so many of a client's prompts is used on purpose."""


def vector(window: PurposeWindow) -> dict[str, float]:
    """What the model looks at: each between 0 and 1, empty while too little was seen.

    Shares enter as square roots, because a tenth of a client's prompts tells nearly as much as all of them; products with
    the share of cues let the same shape mean different things with cues and without.
    """
    shape, seen = window.shape, window.seen
    if shape.sampled < MIN_SAMPLES:
        return {}
    sampled = float(shape.sampled)
    outcomes = max(1, window.answered + window.refused)
    cued = math.sqrt(min(1.0, window.cued / seen))
    answer = min(1.0, shape.answer / sampled / _LENGTH_BITS)
    cold, brief = shape.cold / sampled, shape.brief / sampled
    bare = min(1.0, window.attempts / max(1, window.cued))
    return {
        "cued": cued,
        "kinds": min(1.0, sum(count > _USED * seen for count in window.by_cue) / _KINDS),
        "refused": math.sqrt(window.refused / outcomes),
        "turned": math.sqrt(min(1.0, window.turned / outcomes)),
        "failed": window.failures / max(1, window.attempts),
        "length": min(1.0, shape.length / sampled / _LENGTH_BITS),
        "distinct": shape.distinct / sampled / 100,
        "symbols": shape.symbols / sampled / 100,
        "answer": answer,
        "brief": brief,
        "cold": cold,
        "cued_answer": cued * answer,
        "cued_brief": cued * brief,
        "cued_cold": cued * cold,
        "cued_bare": cued * bare,
    }


class PurposeState(Struct, frozen=True):
    """All that the model is."""

    intercept: float
    weights: dict[str, float]


class PurposeModel:
    """Probability that a client's traffic is elicitation. Encoded as plain values (`state`, `from_state`)."""

    __slots__ = ("model",)

    def __init__(self) -> None:
        self.model = linear_model.LogisticRegression(optim.SGD(LEARNING_RATE), l2=L2, intercept_lr=LEARNING_RATE)

    def score(self, features: Mapping[str, float]) -> float:
        """Between 0 and 1, as if every second client were a campaign's; `UNKNOWN` for no features."""
        if not features:
            return UNKNOWN
        probability: float = self.model.predict_proba_one(features)[True]
        return probability

    def learn(self, features: Mapping[str, float], is_extraction: bool, weight: float = ANALYST_WEIGHT) -> None:  # noqa: FBT001 - what is learned
        """Take in what a client turned out to be. Nothing is learned from no features."""
        if features:
            self.model.learn_one(dict(features), is_extraction, w=weight)

    def state(self) -> PurposeState:
        """Everything needed to go on; equal models give equal states."""
        return PurposeState(self.model.intercept, dict(sorted(self.model.weights.items())))

    @classmethod
    def from_state(cls, state: PurposeState) -> Self:
        """Exactly the model that `state` was taken from."""
        purpose = cls()
        purpose.model.intercept = state.intercept
        purpose.model._weights = utils.VectorDict(state.weights)  # noqa: SLF001 - explicit instead of a pickle
        return purpose

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PurposeModel) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]  # mutable


@cache
def shipped_state() -> PurposeState:
    """What a new installation starts with."""
    return msgspec.toml.decode(files(__package__).joinpath("purpose_model.toml").read_bytes(), type=PurposeState)


def elicitation(window: PurposeWindow, model: PurposeModel) -> float:
    """What a model thinks of a client; `UNKNOWN` for one that showed neither a cue nor a refusal."""
    return model.score(vector(window)) if window.cued or window.refused else UNKNOWN
