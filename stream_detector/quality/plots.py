"""The drawings of the report, from the result."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import mean

from stream_detector.pages import svg
from stream_detector.pages.svg import Scale
from stream_detector.quality.lanes import WIDTH, Axis, Dot, Lane, draw
from stream_detector.quality.results import CampaignRow, Point, Result
from stream_detector.quality.slices import BUSY, MIXED
from stream_detector.quality.targets import BUDGET, BUSY_RECALL, CLASS_BUDGET, LEAKED, MIXED_RECALL

_SHARES = [(0.0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %")]
_LEAST = 0.0001
"""Lower end of logarithmic scales: 0.01 %."""
_DECADES = [(-4.0, "0.01 %"), (-3.0, "0.1 %"), (-2.0, "1 %"), (-1.0, "10 %"), (0.0, "100 %")]
_LEFT, _RIGHT, _TOP, _FLOOR, _HEIGHT = 56.0, 190.0, 14.0, 330.0, 360.0


def recall_plot(result: Result) -> str:
    """Recall of every family, busy and mixed, with its range over seeds."""
    lanes = []
    for family in result.families:
        dots, spans = [], []
        for title, style, is_second in ((BUSY, "passed", False), (MIXED, "refused", True)):
            recall = family.recall[title]
            if recall.mean is None or recall.low is None or recall.high is None:
                continue
            label = f"{family.family}: {recall.mean:.0%} (seeds {recall.low:.0%} to {recall.high:.0%})"
            dots.append(Dot(recall.mean, style, label, is_second))
            spans.append((recall.low, recall.high))
        lanes.append(Lane(name=family.family, dots=tuple(dots), spans=tuple(spans)))
    axis = Axis(low=0.0, high=1.0, ticks=_SHARES, limits=(BUSY_RECALL, MIXED_RECALL))
    return draw("Recall of every family", lanes, axis)


def leak_plot(result: Result) -> str:
    """What busy campaigns got before their throttle: median and 90th percentile of their planned calls."""
    lanes = []
    for family in result.families:
        if family.busy is None:
            continue
        spread = family.busy.throttle.planned_share
        if spread.median is None:
            spread = family.busy.throttle.calls_share
        values = [(spread.median, "passed", "median", False), (spread.p90, "refused", "90th percentile", True)]
        dots = [
            Dot(_log(value), style, f"{family.family}: {value:.2%}, {what}", is_second)
            for value, style, what, is_second in values
            if value is not None
        ]
        lanes.append(Lane(name=family.family, dots=tuple(dots)))
    axis = Axis(low=-4.0, high=0.0, ticks=_DECADES, limits=(_log(LEAKED),))
    return draw("Share of the planned calls before the throttle, by family", lanes, axis)


def honest_plot(result: Result) -> str:
    """Client-days acted on of every honest class, with the 95 % interval."""
    lanes = [
        Lane(
            name=each.kind,
            remark=f"{each.client_days or 0:,.0f} days",
            dots=(Dot(_log(each.share), "passed" if each.share <= CLASS_BUDGET else "block", f"{each.share:.2%}"),),
            spans=((_log(each.low or 0.0), _log(each.high or 0.0)),),
        )
        for each in (result.honest, *result.classes)
        if each.share is not None
    ]
    axis = Axis(low=-4.0, high=0.0, ticks=_DECADES, limits=(_log(BUDGET), _log(CLASS_BUDGET)))
    return draw("Honest client-days acted on, by class", lanes, axis)


def ablation_plot(result: Result) -> str:
    """How much recall goes with each detector, the most needed first."""
    usual = result.as_it_is
    if usual is None:
        return ""
    lost = sorted(((usual.recall - point.recall, point) for point in result.ablation), key=lambda each: -each[0])
    most = max([0.01, *(loss for loss, _ in lost)])
    lanes = [
        Lane(
            name=point.name.removeprefix("without "),
            remark=f"{loss * 100:+.1f}",
            bar=Dot(max(0.0, loss), "bar", f"recall {point.recall:.1%} instead of {usual.recall:.1%}"),
        )
        for loss, point in lost
    ]
    ticks = [(value, f"{value:.0%}" if most > 0.05 else f"{value:.1%}") for value in svg.round_ticks(most)]  # noqa: PLR2004
    return draw("Recall lost without each detector", lanes, Axis(low=0.0, high=ticks[-1][0], ticks=ticks))


def trade_plot(result: Result) -> str:
    """Recall against honest client-days acted on: our thresholds as a line, rivals as marks."""
    x, y = Scale(-4.0, 0.0, _LEFT, WIDTH - _RIGHT), Scale(0.0, 1.0, _FLOOR, _TOP)
    shapes = [svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "grid") for value, _ in _SHARES]
    shapes += [svg.text(name, _LEFT - 8, y(value) + 4, "tick", "end") for value, name in _SHARES]
    shapes += [svg.line(x(value), _TOP, x(value), _FLOOR, "grid") for value, _ in _DECADES]
    shapes += [svg.text(name, x(value), _FLOOR + 18, "tick", "middle") for value, name in _DECADES]
    shapes.append(svg.line(x(_log(BUDGET)), _TOP, x(_log(BUDGET)), _FLOOR, "limit"))
    curve = [(x(_log(point.honest_share or 0.0)), y(point.recall)) for point in result.thresholds]
    if curve:
        shapes.append(svg.path(curve, "curve"))
    named = [("stream_detector", result.as_it_is, "passed")] if result.as_it_is else []
    named += [(point.name, point, "refused") for point in result.rivals]
    shapes += _named_points(named, x, y)
    return svg.figure(WIDTH, _HEIGHT, "Recall against honest client-days acted on, with rivals", *shapes)


def _named_points(named: Sequence[tuple[str, Point, str]], x: Scale, y: Scale) -> list[str]:
    """Marks with their names at the right; names that would overlap move down."""
    shapes = []
    taken = -math.inf
    for name, point, style in sorted(named, key=lambda each: -each[1].recall):
        left, top = x(_log(point.honest_share or 0.0)), y(point.recall)
        label = f"{name}: recall {point.recall:.1%}, honest client-days {point.honest_share or 0:.2%}"
        shapes.append(svg.circle(left, top, 6.0, f"dot {style}", label))
        at = max(top, taken + 16)
        taken = at
        shapes.append(svg.line(left + 6, top, WIDTH - _RIGHT + 6, at, "lead"))
        shapes.append(svg.text(name, WIDTH - _RIGHT + 10, at + 4, "tick"))
    return shapes


def curve_plot(result: Result, title: str, of: Callable[[CampaignRow], float | None]) -> str:
    """Recall over one axis of the matrix.

    Args:
        result: the result.
        title: what the axis is.
        of: a campaign's place on it; None where it does not belong there.
    """
    found: defaultdict[float, list[bool]] = defaultdict(list)
    for row in result.campaigns:
        value = of(row)
        if value is not None:
            found[value].append(row.found)
    lanes = [
        Lane(
            name=f"{value:g}",
            remark=f"{len(mine):,} campaigns",
            bar=Dot(mean(mine), "bar", f"{mean(mine):.1%}"),
        )
        for value, mine in sorted(found.items())
    ]
    return draw(title, lanes, Axis(low=0.0, high=1.0, ticks=_SHARES))


def _log(share: float) -> float:
    return math.log10(max(share, _LEAST))
