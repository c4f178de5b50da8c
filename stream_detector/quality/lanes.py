"""One kind of drawing for all comparisons: a lane per name, on one scale; spans for doubt, marks for values."""

from collections.abc import Sequence

from msgspec import Struct

from stream_detector.pages import svg
from stream_detector.pages.svg import Scale

WIDTH = 760.0
_LABEL = 250.0
_RIGHT = 24.0
_LANE = 30.0
_AXIS = 26.0
_TOP = 6.0


class Dot(Struct, frozen=True):
    """A value."""

    value: float
    style: str
    """Class of `style.css`: its colour; a second value in a lane has another shape as well."""
    label: str
    """Shown when the pointer rests on it."""
    is_second: bool = False


class Lane(Struct, frozen=True, kw_only=True):
    """One name."""

    name: str
    remark: str = ""
    """Beside the name."""
    dots: tuple[Dot, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    """From the lower to the upper end of what is likely, one for each dot or none."""
    bar: Dot | None = None
    """Drawn from the scale's low end."""


class Axis(Struct, frozen=True, kw_only=True):
    """The scale under all lanes."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    limits: Sequence[float] = ()
    """Drawn across all lanes: what was promised."""


def draw(description: str, lanes: Sequence[Lane], axis: Axis) -> str:
    """All lanes; empty where there are none."""
    if not lanes:
        return ""
    floor = _TOP + len(lanes) * _LANE
    x = Scale(axis.low, axis.high, _LABEL, WIDTH - _RIGHT)
    shapes = [svg.line(x(value), _TOP, x(value), floor, "grid") for value, _ in axis.ticks]
    shapes += [svg.text(name, x(value), floor + 18, "tick", "middle") for value, name in axis.ticks]
    for number, lane in enumerate(lanes):
        shapes += _lane(lane, x, _TOP + (number + 0.5) * _LANE)
    shapes += [svg.line(x(value), _TOP, x(value), floor, "limit") for value in axis.limits]
    return svg.figure(WIDTH, floor + _AXIS, description, *shapes)


def _lane(lane: Lane, x: Scale, y: float) -> list[str]:
    shapes = [
        svg.text(lane.name, 0, y + 4, "name"),
        svg.text(lane.remark, _LABEL - 14, y + 4, "tick", "end"),
        svg.line(_LABEL, y + _LANE / 2, WIDTH - _RIGHT, y + _LANE / 2, "grid"),
    ]
    if lane.bar is not None:
        width = x(lane.bar.value) - x.start
        shapes.append(svg.rect(x.start, y - 7, width, 14, class_=lane.bar.style, label=lane.bar.label))
    shapes += [svg.line(x(low), y, x(high), y, "span") for low, high in lane.spans]
    for dot in lane.dots:
        if dot.is_second:
            r = 6.0
            corners = [(x(dot.value), y - r), (x(dot.value) + r, y), (x(dot.value), y + r), (x(dot.value) - r, y)]
            shapes.append(svg.path([*corners, corners[0]], f"dot {dot.style}", dot.label))
        else:
            shapes.append(svg.circle(x(dot.value), y, 5.0, f"dot {dot.style}", dot.label))
    return shapes
