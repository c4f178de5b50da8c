"""Slices of the matrix that the report and the targets speak of."""

from collections.abc import Callable, Mapping

from stream_detector.quality.matrix import Cell
from stream_detector.simulate.campaigns import Family

_BUSY_CALLS = 100


def _is_quiet(cell: Cell) -> bool:
    """A ramp is not: from ten calls a day it climbs to 190."""
    campaign = cell.campaign
    return campaign.calls_per_account_day < _BUSY_CALLS and campaign.family is not Family.RAMP


def _holds(low: float, high: float) -> Callable[[Cell], bool]:
    """Of campaigns that are not quiet: those whose share of the calls is in these bounds, the higher one included."""
    return lambda cell: not _is_quiet(cell) and low < round(cell.share, 3) <= high


BUSY, MIXED, HALF, FAINT, QUIET = "busy", "mixed", "half", "faint", "quiet"

SLICES: Mapping[str, Callable[[Cell], bool]] = {
    BUSY: _holds(0.5, 1.0),
    QUIET: _is_quiet,
    HALF: _holds(0.25, 0.5),
    MIXED: _holds(0.05, 0.25),
    FAINT: _holds(0.0, 0.05),
}
"""Every cell is in exactly one of them."""

TITLES: Mapping[str, str] = {
    BUSY: "≥ 100 a day",
    QUIET: "fewer",
    HALF: "50 % mixed in",
    MIXED: "75-90 %",
    FAINT: "95 %",
}
