"""Slices of the matrix that the report and the targets speak of."""

from collections.abc import Callable, Mapping

from stream_detector.quality.matrix import Cell
from stream_detector.simulate.campaigns import Family

_BUSY_CALLS = 100
_HALF = 0.5
_MIXED = (0.1, 0.25)


def _is_busy(cell: Cell) -> bool:
    """A ramp counts whole: from ten calls a day it climbs to 190."""
    campaign = cell.campaign
    return campaign.mix == 0 and (campaign.calls_per_account_day >= _BUSY_CALLS or campaign.family is Family.RAMP)


def _is_quiet(cell: Cell) -> bool:
    return cell.campaign.mix == 0 and not _is_busy(cell)


BUSY, MIXED, HALF, FAINT, QUIET = "busy", "mixed", "half", "faint", "quiet"

SLICES: Mapping[str, Callable[[Cell], bool]] = {
    BUSY: _is_busy,
    QUIET: _is_quiet,
    HALF: lambda cell: round(cell.share, 3) == _HALF,
    MIXED: lambda cell: round(cell.share, 3) in _MIXED,
    FAINT: lambda cell: 0 < round(cell.share, 3) < min(_MIXED),
}
"""Every cell is in exactly one of them."""

TITLES: Mapping[str, str] = {
    BUSY: "≥ 100 a day",
    QUIET: "fewer",
    HALF: "50 % mixed in",
    MIXED: "75-90 %",
    FAINT: "95 %",
}
