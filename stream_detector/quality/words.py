"""Figures in words, the same in all reports."""

from stream_detector.quality.results import OverSeeds

NONE = "-"


def percent(share: float | None, places: int = 1) -> str:
    """`12.3 %`."""
    return NONE if share is None else f"{share * 100:.{places}f} %"


def over_seeds(figure: OverSeeds) -> str:
    """Mean, and the range where seeds differ."""
    if figure.mean is None or figure.low is None or figure.high is None:
        return NONE
    if figure.low == figure.high:
        return percent(figure.mean)
    return f"{percent(figure.mean)} ({figure.low * 100:.0f}-{figure.high * 100:.0f})"


def duration(seconds: float | None) -> str:
    """`never` for None."""
    if seconds is None:
        return "never"
    if seconds < 5400:  # noqa: PLR2004 - an hour and a half
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"  # noqa: PLR2004 - two days


def number(value: float | None) -> str:
    """With thousands."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value == round(value) or value > 100 else f"{value:,.1f}"  # noqa: PLR2004 - small ones may be means
