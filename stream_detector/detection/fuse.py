"""Fusion: signals of a client → risk, with the reasons attached.

Rules:
1. A detector contributes its calibrated evidence (-log10 of a tail probability), times its weight, up to its ceiling.
2. Detectors of one family see the same thing: only the strongest of a family counts.
3. Families are independent: their evidence adds up, each less `FREE`, because of many signals one is always a little odd.
4. Behaviour is drawn from what the others look at: it supports two of them, and is not one of the two that a block needs.
5. Risk is the sum in units of `CERTAIN`: 1.0 is one honest client in a million.
"""

from collections.abc import Sequence

from msgspec import Struct

from stream_detector.domain.decisions import Reason
from stream_detector.domain.signals import Family

FREE = 0.5
"""Evidence that every family may show for nothing: odds of one in three."""
CERTAIN = 6.0
SUPPORTED = 2
"""Families that must speak before behaviour supports them."""
STRONG = 1.0
"""Evidence from which a family counts as one of the two that a block needs: one honest client in ten, after `FREE`."""


class Risk(Struct, frozen=True):
    """Fused evidence of one client."""

    value: float
    """0 to 1."""
    families: frozenset[Family]
    """Families with strong evidence."""
    reasons: tuple[Reason, ...]
    """Every detector that contributed, strongest first."""


def fuse(reasons: Sequence[Reason]) -> Risk:
    """Combine calibrated reasons (at most one per detector)."""
    strongest: dict[Family, float] = {}
    for reason in reasons:
        strongest[reason.family] = max(strongest.get(reason.family, 0.0), reason.weight - FREE)
    speaking = sum(evidence >= FREE for family, evidence in strongest.items() if family is not Family.BEHAVIOUR)
    if speaking < SUPPORTED:
        strongest.pop(Family.BEHAVIOUR, None)
    total = sum(strongest.values())
    return Risk(
        min(1.0, total / CERTAIN),
        frozenset(f for f, evidence in strongest.items() if evidence >= STRONG and f is not Family.BEHAVIOUR),
        tuple(sorted((r for r in reasons if r.weight > FREE), key=lambda r: (-r.weight, r.detector))),
    )
