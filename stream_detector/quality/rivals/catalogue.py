"""All rivals, in the order of the report."""

from collections.abc import Callable

from stream_detector.quality.rivals.base import Rival

RIVALS: tuple[Callable[[], Rival], ...] = ()
"""One maker each: every scenario gets fresh ones."""
