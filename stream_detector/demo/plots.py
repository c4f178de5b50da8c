"""The drawings of the report, from the ledger."""

from collections import Counter
from collections.abc import Callable, Sequence

from stream_detector.demo.ledger import Answer, CallSeen, ClientRecord, Ledger
from stream_detector.demo.outcome import CampaignOutcome, Outcome
from stream_detector.demo.summary import stop_text
from stream_detector.demo.timeline import clock_text
from stream_detector.domain.decisions import Action, Mode
from stream_detector.pages import svg
from stream_detector.pages.svg import Scale

_WIDTH = 960.0
_LEFT = 48.0
_RIGHT = 20.0
_AXIS = 24.0
"""Height of the labels under a drawing."""
_MOST_COLUMNS = 180
_LANE = 46.0
_LANE_LABEL = 230.0
_LANE_TOP = 10.0
_MOST_LANES = 10
_BARS_MS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000)
_STACK = (
    (Answer.PASSED, "passed"),
    (Answer.UNANSWERED, "unanswered"),
    (Answer.THROTTLED, "throttle"),
    (Answer.BLOCKED, "block"),
)


def calls_plot(ledger: Ledger) -> str:
    """Calls per minute of event time, stacked by what the gateway did with them."""
    if not ledger.minutes:
        return ""
    height, floor = 260.0, 260.0 - _AXIS
    minutes = [minute for minute, _ in ledger.minutes]
    first, last = min(minutes), max(minutes) + 1
    per_column = -(-(last - first) // _MOST_COLUMNS)
    columns: Counter[tuple[int, Answer]] = Counter()
    for (minute, answer), count in ledger.minutes.items():
        columns[(minute - first) // per_column, answer] += count
    numbers = range(-(-(last - first) // per_column))
    ticks = svg.round_ticks(max(sum(columns[number, answer] for answer in Answer) for number in numbers) / per_column)
    x = Scale(first * 60.0, (first + len(numbers) * per_column) * 60.0, _LEFT, _WIDTH - _RIGHT)
    y = Scale(0, ticks[-1], floor, 10.0)
    shapes = [_time_axis(x, 10.0, floor), *(_level(y(tick), f"{tick:,.0f}") for tick in ticks)]
    below = [0.0] * len(numbers)
    for answer, style in _STACK:
        above = [base + columns[number, answer] / per_column for number, base in zip(numbers, below, strict=True)]
        if above != below:
            edges = [x((first + number * per_column) * 60.0) for number in [*numbers, len(numbers)]]
            outline = _steps(edges, [y(value) for value in above]) + _steps(edges, [y(value) for value in below])[::-1]
            shapes.append(svg.path(outline, f"area {style}", answer.value))
        below = above
    return svg.figure(_WIDTH, height, "Calls per minute, by what the gateway did with them", *shapes)


def risk_plot(ledger: Ledger) -> str:
    """One lane for each of the clients most at risk: its risk from decision to decision."""
    worst = sorted(
        ((client, record) for client, record in ledger.clients.items() if record.decisions),
        key=lambda entry: (-max(seen.decision.risk for seen in entry[1].decisions), -entry[1].refused, entry[0]),
    )[:_MOST_LANES]

    def draw(number: int, x: Scale, y: Scale) -> list[str]:
        client, record = worst[number]
        truth = ledger.truth.get(client)
        labels = _lane_label(client, truth.label if truth else "unknown", y)
        return [*labels, *_risk_line(record, x, y)]

    return _lanes(ledger, len(worst), "Risk of the clients most at risk, over time", draw)


def campaign_plot(ledger: Ledger, outcome: Outcome) -> str:
    """One lane per campaign: its calls, and when it was first throttled and blocked."""
    campaigns = outcome.campaigns

    def draw(number: int, x: Scale, y: Scale) -> list[str]:
        campaign = campaigns[number]
        leaked = f"{campaign.leaked:,} of {campaign.calls:,} calls answered"
        bars = _call_bars(ledger.campaigns[campaign.name], x, y)
        return [*_lane_label(campaign.name, leaked, y), *bars, *_stops(campaign, x, y)]

    return _lanes(ledger, len(campaigns), "Calls of each campaign over time, with its first throttle and block", draw)


def latency_plot(ledger: Ledger) -> str:
    """How long decisions took, from the call that caused them."""
    latencies = [seen.latency_ms for seen in ledger.decisions]
    if not latencies:
        return ""
    height, floor = 220.0, 220.0 - _AXIS
    counts = Counter(next((bar for bar in _BARS_MS if value <= bar), _BARS_MS[-1]) for value in latencies)
    bars = [bar for bar in _BARS_MS if min(counts) <= bar <= max(counts)]
    ticks = svg.round_ticks(max(counts.values()))
    y = Scale(0, ticks[-1], floor, 10.0)
    step = (_WIDTH - _LEFT - _RIGHT) / len(bars)
    shapes = [_level(y(tick), f"{tick:,.0f}") for tick in ticks if tick == int(tick)]
    for number, bar in enumerate(bars):
        left = _LEFT + number * step
        name = f"≤ {bar} ms" if bar < 1000 else f"≤ {bar // 1000} s"  # noqa: PLR2004 - ms of a second
        top = y(counts[bar])
        shapes.append(
            svg.rect(left + 3, top, step - 6, floor - top, class_="bar", label=f"{counts[bar]:,} decisions {name}")
        )
        shapes.append(svg.text(name, left + step / 2, height - 6, "tick", "middle"))
    return svg.figure(_WIDTH, height, "Decisions by the wall time from call to decision", *shapes)


def _lanes(ledger: Ledger, count: int, description: str, draw: Callable[[int, Scale, Scale], list[str]]) -> str:
    """`count` lanes below each other on one time axis; the number, the time scale and its own scale make a lane."""
    if not count or not ledger.minutes:
        return ""
    minutes = [minute for minute, _ in ledger.minutes]
    floor = _LANE_TOP + count * _LANE
    x = Scale(min(minutes) * 60.0, (max(minutes) + 1) * 60.0, _LANE_LABEL, _WIDTH - _RIGHT)
    shapes = [_time_axis(x, _LANE_TOP, floor)]
    for number in range(count):
        top = _LANE_TOP + number * _LANE
        y = Scale(0, 1, top + _LANE - 6, top + 6)
        shapes.append(svg.line(_LANE_LABEL, y.start, _WIDTH - _RIGHT, y.start, "rule"))
        shapes.extend(draw(number, x, y))
    return svg.figure(_WIDTH, floor + _AXIS, description, *shapes)


def _lane_label(name: str, remark: str, y: Scale) -> list[str]:
    middle = (y.start + y.end) / 2
    short = name if len(name) <= 30 else f"{name[:29]}…"  # noqa: PLR2004 - what fits
    return [svg.text(short, 0, middle - 2, "name"), svg.text(remark, 0, middle + 13, "tick")]


def _risk_line(record: ClientRecord, x: Scale, y: Scale) -> list[str]:
    decisions = sorted((seen.decision for seen in record.decisions), key=lambda decision: decision.decided_at)
    edges = [*(x(decision.decided_at) for decision in decisions), x(x.high)]
    line = _steps(edges, [y(decision.risk) for decision in decisions])
    area = [(line[0][0], y.start), *line, (line[-1][0], y.start)]
    shapes = [svg.path(area, "risk-area"), svg.path(line, "risk")]
    last: Action | None = None
    for decision in decisions:
        if decision.action is not last and decision.mode is Mode.ENFORCE:
            label = f"{clock_text(decision.decided_at)} {decision.action.value}, risk {decision.risk:.2f}"
            shapes.append(svg.mark(x(decision.decided_at), y(decision.risk), decision.action.value, label))
        last = decision.action
    return shapes


def _call_bars(calls: Sequence[CallSeen], x: Scale, y: Scale) -> list[str]:
    column_s = max(60.0, (x.high - x.low) / _MOST_COLUMNS)
    answered: Counter[int] = Counter(int((call.ts - x.low) // column_s) for call in calls if not call.is_refused)
    refused: Counter[int] = Counter(int((call.ts - x.low) // column_s) for call in calls if call.is_refused)
    most = max((answered + refused).values())
    width = max(1.0, x(x.low + column_s) - x.start - 0.5)
    shapes = []
    for column in sorted(answered | refused):
        left = x(x.low + column * column_s)
        middle, top = y(answered[column] / most), y((answered[column] + refused[column]) / most)
        label = f"{clock_text(x.low + column * column_s)}: {answered[column]:,} answered, {refused[column]:,} refused"
        shapes.append(svg.rect(left, middle, width, y.start - middle, class_="area passed", label=label))
        if refused[column]:
            shapes.append(svg.rect(left, top, width, middle - top, class_="area refused", label=label))
    return shapes


def _stops(campaign: CampaignOutcome, x: Scale, y: Scale) -> list[str]:
    shapes = [svg.mark(x(campaign.started_at), y.start, "start", f"{clock_text(campaign.started_at)} first call")]
    for kind, stop in (("throttle", campaign.throttle), ("block", campaign.block)):
        if stop is not None:
            shapes.append(svg.line(x(stop.at), y.start, x(stop.at), y.end, f"stop {kind}"))
            shapes.append(
                svg.mark(x(stop.at), y.end, kind, f"{clock_text(stop.at)} first {kind}, after {stop_text(stop)}")
            )
    return shapes


def _steps(edges: Sequence[float], levels: Sequence[float]) -> list[tuple[float, float]]:
    """Level i from edge i to edge i+1, as corners."""
    corners = []
    for left, right, level in zip(edges, edges[1:], levels, strict=False):
        corners += [(left, level), (right, level)]
    return corners


def _time_axis(x: Scale, top: float, floor: float) -> str:
    ticks = svg.time_ticks(x.low, x.high)
    lines = [svg.line(x(tick), top, x(tick), floor, "grid") for tick in ticks]
    return "".join([*lines, *(svg.text(clock_text(tick), x(tick), floor + 18, "tick", "middle") for tick in ticks)])


def _level(y: float, label: str) -> str:
    return svg.line(_LEFT, y, _WIDTH - _RIGHT, y, "grid") + svg.text(label, _LEFT - 8, y + 4, "tick", "end")
