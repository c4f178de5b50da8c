"""What the demo prints: while it runs, and at its end."""

import asyncio
import io
import shutil
import sys
from pathlib import Path

import pytest
from demos.ledgers import HOSTILE, START, decision, ledger_of_a_caught_campaign
from rich.console import Console, RenderableType

from stream_detector.demo import live
from stream_detector.demo.ledger import Answer, Ledger, Truth
from stream_detector.demo.live import CallRate, Status, client_table, plain_line, screen
from stream_detector.demo.outcome import outcome_of
from stream_detector.demo.summary import command_name, delivery_text, print_going_on, print_summary
from stream_detector.domain.decisions import Action, Mode


def _printed(*renderables: RenderableType, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(*renderables)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _status(**changes: object) -> Status:
    values: dict[str, object] = {
        "share_done": 0.35,
        "event_s": START + 3600,
        "speed": 360.0,
        "calls": 18_234,
        "refused": 1_203,
        "lag": 3,
        "behind_s": 0.0,
        "decisions": {(Action.THROTTLE, Mode.ENFORCE): 12, (Action.BLOCK, Mode.SHADOW): 4},
    }
    return Status(**{**values, **changes})  # type: ignore[arg-type]


def test_the_plain_line_tells_the_moment() -> None:
    assert plain_line(_status(), 512.3) == (
        "[ 35%] event time 10:00, 18,234 calls (512/s), 1,203 refused, lag 3, "
        "decisions: 0 mark, 12 throttle, 0 block, 4 in shadow"
    )


def test_the_plain_line_says_when_the_traffic_is_late() -> None:
    assert "lag 3, 2.5 s behind, decisions" in plain_line(_status(behind_s=2.5), 0)


def test_the_table_shows_the_clients_most_at_risk_first_and_then_the_busiest() -> None:
    text = _printed(client_table(ledger_of_a_caught_campaign(), rows=9))
    lines = [line.split() for line in text.splitlines()]
    assert lines[1][:5] == ["thief-1", "sweep", "4", "1", "0.90"]
    assert "block" in lines[1]
    assert "shared_template," in lines[1]
    assert lines[2][:6] == ["nightly", "nightly", "evaluation", "2", "1", "0.90"]
    assert lines[3][:5] == ["quiet", "developer", "1", "0", "-"]
    assert lines[4][:4] == ["thief-2", "sweep", "1", "0"]


def test_the_table_has_as_many_rows_as_fit() -> None:
    ledger = Ledger({})
    for number in range(20):
        ledger.decided(decision(f"client-{number}", Action.MARK, 0), 1.0)
    assert client_table(ledger, rows=7).row_count == 7


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    ledger = Ledger({HOSTILE: Truth("[bold]kind[/bold]", is_attacker=False)})
    ledger.called(HOSTILE, START, Answer.THROTTLED)
    ledger.decided(decision(HOSTILE, Action.THROTTLE, 0), 1.0)
    assert "[red]<script>" in _printed(screen(_status(), 1.0, ledger, 5), width=300)
    console = Console(file=io.StringIO(), width=300)
    print_summary(console, outcome_of(ledger), {}, worst_behind_s=0.0, is_complete=True)
    assert isinstance(console.file, io.StringIO)
    assert f"{HOSTILE} ([bold]kind[/bold])" in console.file.getvalue()


@pytest.mark.parametrize(
    ("is_complete", "missing", "text"),
    [(True, 0, "0 lost"), (True, 2, "2 lost"), (True, -1, "-1 lost"), (False, 2, "2 on their way when it ended")],
)
def test_calls_are_lost_only_when_there_was_time_to_handle_them(missing: int, text: str, *, is_complete: bool) -> None:
    ledger = ledger_of_a_caught_campaign()
    ledger.observed -= missing
    assert delivery_text(outcome_of(ledger), is_complete=is_complete).plain.endswith(f", {text}")


@pytest.mark.parametrize(("behind_s", "is_said"), [(0.0, False), (2.0, False), (5.0, True)])
def test_a_machine_that_could_not_keep_up_is_said(behind_s: float, *, is_said: bool) -> None:
    console = Console(file=io.StringIO(), width=140)
    print_summary(console, outcome_of(Ledger({})), {}, behind_s, is_complete=True)
    assert ("calls were up to 5 s late" in console.file.getvalue()) is is_said  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("called", "on_the_path", "name"),
    [
        (".venv/bin/stream-detector", False, ".venv/bin/stream-detector"),
        ("/opt/venv/bin/stream-detector", True, "stream-detector"),
        ("-c", False, "stream-detector"),
    ],
)
def test_the_reader_is_told_to_call_the_command_that_is_there(
    monkeypatch: pytest.MonkeyPatch, called: str, name: str, *, on_the_path: bool
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if on_the_path else None)
    assert command_name(called) == name


def test_the_end_of_a_demo_names_its_report_and_what_to_do_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/stream-detector", "demo"])
    monkeypatch.setattr(shutil, "which", lambda _: None)
    console = Console(file=io.StringIO(), width=30)
    print_going_on(console, Path("/somewhere/demo-report.html"))
    assert console.file.getvalue() == (  # type: ignore[attr-defined]
        "\nReport: /somewhere/demo-report.html\n\nHow to go on\n"
        "  .venv/bin/stream-detector demo --seed 2  other traffic, same campaigns\n"
        "  .venv/bin/stream-detector up             the same system, waiting for your own calls\n"
        "  .venv/bin/stream-detector --help         everything else\n"
    )


def test_the_rate_is_that_of_the_last_two_seconds() -> None:
    rate = CallRate()
    assert [rate.at(0.0, 0), rate.at(1.0, 100), rate.at(2.0, 200)] == [0.0, 100.0, 100.0]
    assert rate.at(4.0, 1200) == 500.0


def test_the_rate_of_rare_looks_is_that_since_the_look_before() -> None:
    rate = CallRate()
    rate.at(0.0, 0)
    rate.at(5.0, 500)
    assert rate.at(10.0, 1500) == 200.0


async def show_lines(console: Console, count: int) -> None:
    """Show until that many lines are out."""
    enough = asyncio.Event()
    shown = 0

    def status() -> Status:
        nonlocal shown
        shown += 1
        if shown > count:
            enough.set()
        return _status()

    showing = asyncio.create_task(live.show(console, Ledger({}), status))
    async with asyncio.timeout(10):
        await enough.wait()
    showing.cancel()


def test_without_a_terminal_there_are_lines_and_no_control_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LINE_S", 0.0)
    console = Console(file=io.StringIO(), width=80)

    asyncio.run(show_lines(console, 2))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == lines[1] == plain_line(_status(), 0.0)
