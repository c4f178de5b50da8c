"""The segment's River model: half-space trees over the feature vector, with "don't know yet" made explicit.

`HalfSpaceTrees.score_one` returns 0 during its first window, which would read as "not suspicious"; and its score has no
scale of its own. Here it is `Warming` until a window has passed, then ranked among the scores of honest clients.

Reference: Tan, Ting, Liu, "Fast anomaly detection for streaming data" (IJCAI 2011).
"""

from collections.abc import Mapping
from typing import Self

from msgspec import Struct
from river import anomaly

from stream_detector.domain.signals import Family, Reading, Scored, Warming

NAME = "outlier"
FAMILY = Family.BEHAVIOUR
CEILING = 1.5
TREES = 6
HEIGHT = 6
WINDOW = 100
RANKS = 50
"""Scores needed before a rank means something."""
_BINS = 100


class OutlierState(Struct, array_like=True, frozen=True):
    """All that is not fixed by the seed: masses per tree and node, position in the window, ranks, feature names."""

    features: list[str]
    left_masses: list[list[int]]
    right_masses: list[list[int]]
    counter: int
    first_window: bool
    ranks: list[int]


class Outlier:
    """Scores a feature vector against the clients of its segment. Misses anomalies that fill whole windows."""

    __slots__ = ("features", "model", "ranks")

    def __init__(self) -> None:
        self.model = anomaly.HalfSpaceTrees(n_trees=TREES, height=HEIGHT, window_size=WINDOW, seed=1)
        self.features: list[str] = []
        self.ranks = [0] * _BINS

    def learn(self, features: Mapping[str, float]) -> None:
        """Take in an honest client's vector; it is ranked before it is learned."""
        if not self.features:
            self.features = sorted(features)
        if not self.model._first_window:  # noqa: SLF001 - River has no public way to ask
            self.ranks[self._bin(features)] += 1
        self.model.learn_one(dict(features))

    def score(self, features: Mapping[str, float]) -> Reading:
        """Share of honest clients that were more ordinary than this one."""
        ranked = sum(self.ranks)
        if ranked < RANKS:
            return Warming(float(self.model.counter + ranked), float(WINDOW + RANKS))
        bin_of = self._bin(features)
        exceeding = sum(self.ranks[bin_of:])
        return Scored(1.0 - (exceeding + 1) / (ranked + 2), {"half_space_score": bin_of / _BINS})

    def _bin(self, features: Mapping[str, float]) -> int:
        score: float = self.model.score_one(dict(features))
        return max(0, min(_BINS - 1, int(score * _BINS)))

    def state(self) -> OutlierState:
        """Everything needed to go on; the trees' thresholds follow from the seed and the feature names."""
        nodes = self.model._tree_nodes  # noqa: SLF001 - explicit masses instead of a pickle
        return OutlierState(
            self.features,
            [[node.l_mass for node in tree] for tree in nodes],
            [[node.r_mass for node in tree] for tree in nodes],
            self.model.counter,
            self.model._first_window,  # noqa: SLF001
            self.ranks,
        )

    @classmethod
    def from_state(cls, state: OutlierState) -> Self:
        """Exactly the model that `state` was taken from."""
        outlier = cls()
        if not state.features:
            return outlier
        model = outlier.model
        model.learn_one(dict.fromkeys(state.features, 0.0))  # builds the trees
        for tree, left, right in zip(model._tree_nodes, state.left_masses, state.right_masses, strict=True):  # noqa: SLF001
            for node, l_mass, r_mass in zip(tree, left, right, strict=True):
                node.l_mass, node.r_mass = l_mass, r_mass
        model.counter = state.counter
        model._first_window = state.first_window  # noqa: SLF001
        outlier.features = list(state.features)
        outlier.ranks = list(state.ranks)
        return outlier
