"""What the project has promised, held against what was measured."""

from collections.abc import Sequence

from stream_detector.quality.figures import HonestFigures
from stream_detector.quality.results import FamilyResult, OverSeeds, Target
from stream_detector.quality.slices import BUSY, MIXED
from stream_detector.quality.words import percent

BUDGET = 0.001
"""Honest client-days that may be acted on."""
CLASS_BUDGET = 0.005
"""The same for any single class."""
BUSY_RECALL, MIXED_RECALL, LEAKED, PRECISION = 0.95, 0.8, 0.01, 0.999


def targets_of(
    overall: FamilyResult,
    families: Sequence[FamilyResult],
    everybody: HonestFigures,
    classes: Sequence[HonestFigures],
    block_precision: OverSeeds,
) -> tuple[Target, ...]:
    """All of them, in the order in which they were promised."""
    worst = max(classes, key=lambda each: each.share or 0.0)
    return (
        _target(
            "honest client-days acted on", f"≤ {percent(BUDGET)}", everybody.share, everybody.share, at_most=BUDGET
        ),
        _target(
            f"the same, worst class ({worst.kind})",
            f"≤ {percent(CLASS_BUDGET)}",
            worst.share,
            worst.share,
            at_most=CLASS_BUDGET,
        ),
        _weakest(families, BUSY, "campaigns found at ≥ 100 calls per account and day", BUSY_RECALL),
        _weakest(families, MIXED, "campaigns found with 75-90 % honest work", MIXED_RECALL),
        _leak(overall),
        _target(
            "blocked clients that belong to campaigns",
            f"≥ {percent(PRECISION)}",
            block_precision.mean,
            None if block_precision.mean is None else 1 - block_precision.mean,
            at_most=1 - PRECISION,
        ),
    )


def _target(name: str, wanted: str, measured: float | None, badness: float | None, *, at_most: float) -> Target:
    return Target(
        name=name,
        wanted=wanted,
        measured=percent(measured, 2),
        met=badness is not None and badness <= at_most + 1e-12,
    )


def _weakest(families: Sequence[FamilyResult], title: str, name: str, wanted: float) -> Target:
    """Every family must reach it."""
    known = [(each.recall[title].mean, each.family) for each in families]
    recall, family = min(((value, which) for value, which in known if value is not None), default=(None, "none"))
    badness = None if recall is None else 1 - recall
    return _target(f"{name}, worst family ({family})", f"≥ {percent(wanted, 0)}", recall, badness, at_most=1 - wanted)


def _leak(overall: FamilyResult) -> Target:
    share = overall.busy.throttle.planned_share.median if overall.busy else None
    name = "median share of a planned campaign's calls before its throttle, ≥ 100 calls per account and day"
    return _target(name, f"≤ {percent(LEAKED, 0)}", share, share, at_most=LEAKED)
