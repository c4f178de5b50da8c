"""Fusion: signals of a client → risk, with the reasons attached.

Rules:
1. A detector contributes its calibrated evidence (-log10 of a tail probability) up to its ceiling, times its `POWER`.
2. Detectors of one family see the same thing: only the strongest of a family counts.
3. Families are independent: their evidence adds up, each less `FREE`, because of many signals one is always a little odd.
4. A soft family counts at most `MOST`, just too little for a throttle: how hard a client works, how evenly, or from where, is
   never enough by itself. Content counts at most `PLAIN`: what a client asks may throttle it, where it is plainer than with
   any honest client of the simulations. A block needs more.
5. Volume and timing count at most `MOST` together: an honest loop that works a queue off is heavy and even, and when its
   account is new, as heavy and even as a campaign's. Who it is or what it asks must speak as well.
6. Behaviour is drawn from what the others look at: it supports two of them, and is not one of the two that a block needs.
7. Risk is the sum in units of `CERTAIN`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from stream_detector.domain.decisions import Reason
from stream_detector.domain.signals import Family

FREE = 0.5
"""Evidence that every family may show for nothing: odds of one in three."""
MOST, PLAIN = 2.3, 2.5
CERTAIN = 6.0
SUPPORTED = 2
"""Families that must speak before behaviour supports them."""
EFFORT = frozenset({Family.VOLUME, Family.TIMING})
"""How hard a client works, and how steadily."""
HARD = frozenset({Family.NETWORK, Family.PARAMETERS, Family.COORDINATION, Family.ANALYST})
"""Families that honest work has no reason to show."""
STRONG, BACKING = 1.0, 0.5
"""Evidence, after `FREE`, from which a hard family, or another one, counts as one of the two that a block needs."""
SUFFICIENT = frozenset({Family.PARAMETERS, Family.COORDINATION, Family.ANALYST})
"""Families that count without limit: honest work does not show them by chance."""
POWER: Mapping[str, float] = {
    "machine_timing": 1.7,
    "network_fanout": 1.5,
    "data_generation": 1.3,
    "takeover": 1.2,
    "coverage": 1.1,
    "parameter_probe": 1.1,
    "shared_template": 1.1,
    "reasoning_elicitation": 0.8,
    "cold_start": 0.75,
    "clock_phase": 0.75,
    "reward_grading": 0.7,
    "template_reuse": 0.5,
    "distribution_shift": 0.5,
    "volume_spike": 0.4,
    "focus": 0.4,
    "technique_search": 0.4,
    "outlier": 0.3,
}
"""How much commoner high evidence is among campaigns than among honest clients; 1 for a detector that is not listed.

A rare value speaks against a client only if campaigns show it more: honest volumes jump as far as a campaign's. Slopes of a
logistic regression with a penalty towards 1, over simulated clients of every class and family (docs/quality.md), rounded;
some less, where honest look-alikes (graders, audits) came near and no campaign was lost. Recall hardly depends on them;
honest clients do: with `volume_spike` at 1, four times as many of them were acted on.
"""


class Risk(Struct, frozen=True):
    """Fused evidence of one client."""

    value: float
    """0 to 1."""
    families: frozenset[Family]
    """Families that count for a block: hard ones with strong evidence, others that back them."""
    reasons: tuple[Reason, ...]
    """Every detector that contributed, strongest first."""


def voices(evidence: Iterable[tuple[Family, float]]) -> dict[Family, float]:
    """How loudly each family speaks: its strongest detector, less what is free.

    Args:
        evidence: of each detector, its family and its evidence with `POWER` in it.
    """
    strongest: dict[Family, float] = {}
    for family, weight in evidence:
        strongest[family] = max(strongest.get(family, 0.0), weight - FREE)
    return {family: min(_limit(family), voice) for family, voice in strongest.items()}


def _limit(family: Family) -> float:
    if family in SUFFICIENT:
        return math.inf
    return PLAIN if family is Family.CONTENT else MOST


def fuse(reasons: Sequence[Reason]) -> Risk:
    """Combine calibrated reasons (at most one per detector)."""
    strongest = voices((reason.family, reason.weight) for reason in reasons)
    speaking = sum(voice >= FREE for family, voice in strongest.items() if family is not Family.BEHAVIOUR)
    if speaking < SUPPORTED:
        strongest.pop(Family.BEHAVIOUR, None)
    effort = sum(strongest.get(family, 0.0) for family in EFFORT)
    total = sum(strongest.values()) - max(0.0, effort - MOST)
    return Risk(
        min(1.0, total / CERTAIN),
        _counted(strongest),
        tuple(sorted((r for r in reasons if r.weight > FREE), key=lambda r: (-r.weight, r.detector))),
    )


def _counted(voices_of: Mapping[Family, float]) -> frozenset[Family]:
    """Families that count for a block. Effort does not back a network: whoever moves to new machines works hard there."""
    counted = {
        family
        for family, voice in voices_of.items()
        if family is not Family.BEHAVIOUR and voice >= (STRONG if family in HARD else BACKING)
    }
    return frozenset(counted - EFFORT if counted & HARD == {Family.NETWORK} else counted)
