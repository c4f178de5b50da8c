"""The demo while it runs: a table on a terminal, a line every few seconds where output is no terminal.

Names of clients come from outside, so they are put into `Text`, which knows no markup.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable

from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stream_detector.demo.ledger import ClientRecord, Ledger
from stream_detector.demo.timeline import clock_text
from stream_detector.domain.decisions import Action, Decision, Mode

_FRAME_S = 0.25
_LINE_S = 5.0
_RATE_OVER_S = 2.0
_MAX_ROWS = 16
_FRAME_LINES = 8
"""Lines of the screen that are not rows of the table."""
_REASONS = 3
ACTION_STYLE = {Action.ALLOW: "green", Action.MARK: "cyan", Action.THROTTLE: "yellow", Action.BLOCK: "bold red"}


class Status(Struct, frozen=True, kw_only=True):
    """One moment of the run."""

    share_done: float
    """0 to 1."""
    event_s: float
    speed: float
    calls: int
    refused: int
    lag: int
    """Events sent, but not handled yet."""
    behind_s: float
    decisions: dict[tuple[Action, Mode], int]


class CallRate:
    """Calls per second of wall time, over the last two seconds, or since the time before."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def at(self, wall_s: float, calls: int) -> float:
        """Note the count of calls now; return the rate, 0 for the first one."""
        self._points.append((wall_s, calls))
        while len(self._points) > 2 and wall_s - self._points[1][0] >= _RATE_OVER_S:  # noqa: PLR2004 - two points make a rate
            self._points.popleft()
        first_s, first_calls = self._points[0]
        return (calls - first_calls) / (wall_s - first_s) if wall_s > first_s else 0.0


def plain_line(status: Status, rate: float) -> str:
    """The moment in one line."""
    return (
        f"[{status.share_done:4.0%}] event time {clock_text(status.event_s)}, {status.calls:,} calls ({rate:,.0f}/s), "
        f"{status.refused:,} refused, lag {status.lag:,}, {_late(status)}decisions: {_decisions(status)}"
    )


def screen(status: Status, rate: float, ledger: Ledger, rows: int) -> RenderableType:
    """The moment on a terminal."""
    head = Text.assemble(
        ("event clock ", "dim"), (f"{clock_text(status.event_s)} UTC ", "bold"), (f"x{status.speed:.0f}   ", "dim"),
        ("calls ", "dim"), f"{status.calls:,} ", (f"{rate:,.0f}/s   ", "bold"),
        ("refused ", "dim"), f"{status.refused:,}   ",
        ("lag ", "dim"), f"{status.lag:,}   ",
        (_late(status), "bold yellow"),
        ("\ndecisions ", "dim"), _decisions(status),
    )  # fmt: skip
    bar = ProgressBar(total=1.0, completed=status.share_done, width=None)
    return Group(head, Text(), client_table(ledger, rows), Text(), bar)


def client_table(ledger: Ledger, rows: int) -> Table:
    """The clients most at risk, then the busiest ones."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", expand=True)
    for name in ("client", "truth"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=24)
    for name in ("calls", "refused", "risk"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("decision", no_wrap=True)
    table.add_column("since", no_wrap=True)
    table.add_column("reasons", no_wrap=True, overflow="ellipsis", ratio=1, min_width=12)
    ranked = sorted(ledger.clients.items(), key=_rank)
    for client, record in ranked[:rows]:
        table.add_row(*_row(ledger, client, record))
    if not ranked:
        table.add_row(Text("nobody yet", style="dim"))
    return table


def _rank(entry: tuple[str, ClientRecord]) -> tuple[float, int, int, str]:
    """The greatest risk first, then the busiest."""
    client, record = entry
    return (-record.latest.risk if record.latest else 0.0, -record.refused, -record.calls, client)


def reasons_text(decision: Decision, count: int = _REASONS) -> str:
    """The detectors with the greatest part, the greatest first."""
    ordered = sorted(decision.reasons, key=lambda reason: -reason.weight)
    return ", ".join(reason.detector for reason in ordered[:count]) or decision.note


def _row(ledger: Ledger, client: str, record: ClientRecord) -> list[Text]:
    truth = ledger.truth.get(client)
    known = [
        Text(client),
        Text(truth.label if truth else "?", style="dim"),
        Text(f"{record.calls:,}"),
        Text(f"{record.refused:,}"),
    ]
    latest = record.latest
    if latest is None:
        return [*known, Text("-", style="dim")]
    style = ACTION_STYLE[latest.action]
    action = latest.action.value if latest.mode is Mode.ENFORCE else f"{latest.action.value} (shadow)"
    return [
        *known,
        Text(f"{latest.risk:.2f}", style=style),
        Text(action, style=style),
        Text(clock_text(latest.decided_at)),
        Text(reasons_text(latest)),
    ]


def _late(status: Status) -> str:
    return f"{status.behind_s:.1f} s behind, " if status.behind_s >= 1 else ""


def _decisions(status: Status) -> str:
    counts = Counter(status.decisions)
    texts = [
        f"{counts[action, Mode.ENFORCE]:,} {action.value}" for action in (Action.MARK, Action.THROTTLE, Action.BLOCK)
    ]
    shadow = sum(count for (_, mode), count in counts.items() if mode is Mode.SHADOW)
    return ", ".join([*texts, *([f"{shadow:,} in shadow"] if shadow else [])])


async def show(console: Console, ledger: Ledger, status: Callable[[], Status]) -> None:
    """Show the run on `console` until cancelled."""
    rate = CallRate()
    if not console.is_terminal:
        while True:
            await asyncio.sleep(_LINE_S)
            now = status()
            console.print(
                plain_line(now, rate.at(time.monotonic(), now.calls)), markup=False, highlight=False, soft_wrap=True
            )
    with Live(console=console, auto_refresh=False) as live:
        while True:
            now = status()
            rows = max(1, min(_MAX_ROWS, console.height - _FRAME_LINES))
            live.update(screen(now, rate.at(time.monotonic(), now.calls), ledger, rows), refresh=True)
            await asyncio.sleep(_FRAME_S)
