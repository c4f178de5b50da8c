"""How sure a share is, when what was counted comes in clusters: the days of one client are no independent draws."""

from collections.abc import Sequence

import numpy as np

_SEED = 20260105
_ROUNDS = 2000
_RULE_OF_THREE = 3.0


def share_interval(hits: Sequence[float], counts: Sequence[float]) -> tuple[float, float]:
    """95 % interval of sum(hits) / sum(counts).

    Cluster bootstrap (percentiles): clusters are drawn with replacement, with all that belongs to them. Where no hit, or
    nothing but hits, was seen, there is nothing to draw from: then the rule of three, 3 / sum(counts), which takes what was
    counted for independent.

    Args:
        hits: per cluster.
        counts: per cluster, in the same order; at least one is above 0.
    """
    total, seen = float(sum(counts)), float(sum(hits))
    doubt = min(1.0, _RULE_OF_THREE / total)
    if seen <= 0:
        return 0.0, doubt
    if seen >= total:
        return 1.0 - doubt, 1.0
    rng = np.random.default_rng(_SEED)
    clusters = len(counts)
    drawn = rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), size=_ROUNDS).astype(float)
    sums = drawn @ np.column_stack([np.asarray(hits, float), np.asarray(counts, float)])
    shares = sums[:, 0] / np.maximum(sums[:, 1], 1e-12)
    low, high = np.percentile(shares, (2.5, 97.5))
    return float(low), float(min(1.0, high))
