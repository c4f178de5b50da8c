"""All rivals, in the order of the report; about 40 us a call together, of which PRADA and the MMD tests take 30."""

from collections.abc import Callable

from stream_detector.quality.rivals.base import Rival
from stream_detector.quality.rivals.half_space_trees import HalfSpaceTrees
from stream_detector.quality.rivals.prada import Delta, Prada
from stream_detector.quality.rivals.static_limit import StaticLimit
from stream_detector.quality.rivals.window_mmd import PUBLISHED_WINDOW, SHORT_WINDOW, Threshold, WindowMmd

RIVALS: tuple[Callable[[], Rival], ...] = (
    StaticLimit,
    HalfSpaceTrees,
    lambda: Prada(Delta.PUBLISHED),
    lambda: Prada(Delta.AT_BUDGET),
    lambda: WindowMmd(PUBLISHED_WINDOW, Threshold.NULL_95),
    lambda: WindowMmd(SHORT_WINDOW, Threshold.NULL_999),
    lambda: WindowMmd(SHORT_WINDOW, Threshold.AT_BUDGET),
)
"""One maker each: every scenario gets fresh ones."""
