"""Kinds of clients, discovered from data: River's sequential k-means over the shape of a client's traffic.

The centres start at archetypes, which give them their names, and drift to where the honest clients of this installation
are. Shape is what traffic looks like, not how much of it there is, where it comes from or when: a busy chat is a chat.

References: MacQueen 1967; River's `cluster.KMeans`.
"""

from collections.abc import Sequence
from typing import Self

from river import cluster

from stream_detector.detection.features import Features

DRIFT = 0.01
"""How far a centre moves towards each client that it learns."""
OPAQUE, NEW = "opaque", "new"
"""Clients without sketches, and those with fewer prompts than `MIN_PROMPTS`."""
MIN_PROMPTS = 32
ARCHETYPES: dict[str, tuple[float, ...]] = {
    "app": (0.95, 0.0, 0.50, 0.90, 0.10, 0.70),
    "chat": (0.50, 0.0, 0.45, 0.75, 0.25, 0.70),
    "classifier": (0.90, 0.9, 0.10, 0.80, 0.10, 0.70),
    "questions": (0.05, 0.0, 0.55, 0.95, 0.95, 0.50),
    "repeats": (0.50, 0.0, 0.50, 0.30, 0.30, 0.50),
}
"""Name → where it starts: the dimensions of `shape`. Plain choices; data move them."""


def shape(features: Features) -> tuple[float, ...]:
    """What kinds differ in, each 0 to 1: sameness, one-token answers, answer length, new prompts, new heads, burstiness."""
    vector = features.vector
    return (
        max(vector["template"], vector["near_duplicates"]),
        vector["one_token"],
        vector["tokens_per_call"],
        vector["fresh_prompts"],
        vector["fresh_heads"],
        vector["gap_variation"],
    )


class Kinds:
    """The kinds of one partition. Encoded as its centres (`state`, `from_state`)."""

    __slots__ = ("model", "names")

    def __init__(self, centres: Sequence[Sequence[float]] = tuple(ARCHETYPES.values())) -> None:
        self.names = tuple(ARCHETYPES)
        self.model = cluster.KMeans(n_clusters=len(self.names), halflife=DRIFT, seed=1)
        for index, centre in enumerate(centres):
            self.model.centers[index].update(enumerate(centre))  # in the order of `shape`

    def of(self, features: Features, prompts: int) -> str:
        """The kind whose centre is nearest, once the client has sent enough prompts."""
        if prompts < MIN_PROMPTS:
            return NEW if prompts else OPAQUE
        return self.names[self._nearest(shape(features))]

    def _nearest(self, point: Sequence[float]) -> int:
        """What River's `predict_one` says; it takes five times as long, at every evaluation."""
        centres = [centre.values() for centre in self.model.centers.values()]
        away = [sum([(at - x) ** 2 for at, x in zip(centre, point, strict=True)]) for centre in centres]
        return away.index(min(away))

    def learn(self, features: Features) -> None:
        """Move the nearest centre a little towards a client above suspicion."""
        self.model.learn_one(dict(enumerate(shape(features))))

    def state(self) -> list[list[float]]:
        """Everything needed to go on."""
        return [list(centre.values()) for centre in self.model.centers.values()]

    @classmethod
    def from_state(cls, state: Sequence[Sequence[float]]) -> Self:
        """Exactly the kinds that `state` was taken from."""
        return cls(state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kinds) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]  # mutable
