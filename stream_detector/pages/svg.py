"""A few shapes of SVG. Text and attributes are escaped here, and only here; colours are classes of `style.css`."""

import html
import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

_TARGET_TICKS = 5
_TIME_STEPS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_MAX_TIME_TICKS = 9
_MARK_RADIUS = 5.0


class Scale(Struct, frozen=True):
    """Values from `low` to `high` -> pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixel of a value; values beyond the range are drawn at its edge."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def element(tag: str, *children: str, **attributes: object) -> str:
    """An element with ready children; `class_` and `text_anchor` become `class` and `text-anchor`."""
    words = [
        f'{name.rstrip("_").replace("_", "-")}="{html.escape(_number(value))}"' for name, value in attributes.items()
    ]
    return f"<{' '.join([tag, *words])}>{''.join(children)}</{tag}>"


def text(content: str, x: float, y: float, class_: str = "", anchor: str = "start") -> str:
    """One line of text; `y` is its baseline."""
    return element("text", html.escape(content), x=x, y=y, class_=class_, text_anchor=anchor)


def title(content: str) -> str:
    """What a browser shows when the pointer rests on the element around it."""
    return element("title", html.escape(content))


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rect(x: float, y: float, width: float, height: float, *, class_: str, label: str = "") -> str:
    """A rectangle."""
    return element("rect", title(label) if label else "", x=x, y=y, width=width, height=height, class_=class_)


def path(points: Iterable[tuple[float, float]], class_: str, label: str = "") -> str:
    """Straight lines from point to point."""
    steps = "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("path", title(label) if label else "", d=f"M{steps}", class_=class_)


def circle(x: float, y: float, radius: float, class_: str, label: str) -> str:
    """A circle around a point."""
    return element("circle", title(label), cx=x, cy=y, r=radius, class_=class_)


def mark(x: float, y: float, kind: str, label: str) -> str:
    """A sign for an action, each kind with a shape of its own, so that colour is not needed to tell them apart."""
    r = _MARK_RADIUS
    shapes = {
        "throttle": [(x, y - r), (x + r, y + r), (x - r, y + r), (x, y - r)],
        "block": [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r), (x - r, y - r)],
    }
    if kind in shapes:
        return path(shapes[kind], f"mark {kind}", label)
    return circle(x, y, r - 1, f"mark {kind}", label)


def figure(width: float, height: float, description: str, *shapes: str) -> str:
    """A whole drawing that screen readers announce with `description`."""
    return element(
        "svg", *shapes, viewBox=f"0 0 {_number(width)} {_number(height)}", role="img", aria_label=description
    )


def round_ticks(high: float) -> list[float]:
    """About five round values from 0 to at least `high`."""
    if high <= 0:
        return [0.0, 1.0]
    rough = high / _TARGET_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(high / step) + 1)]


def time_ticks(low: float, high: float) -> Sequence[float]:
    """Full hours, or full parts of an hour, between two times."""
    steps = [step for step in _TIME_STEPS_S if (high - low) / step <= _MAX_TIME_TICKS]
    step = steps[0] if steps else _TIME_STEPS_S[-1]
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
