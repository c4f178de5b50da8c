"""What a log is told about a long command, and how often."""

import io
import re

import pytest
from commands.outcome import Run
from rich.console import Console

from stream_detector.commands import progress as module
from stream_detector.commands.progress import Lines, progress


class Log:
    """A log on a clock that goes only when told."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.said: list[str] = []
        self.lines = Lines(self.said.append, lambda: self.now_s)

    def after(self, seconds: float, done: float, total: float | None = 100.0) -> None:
        self.now_s += seconds
        self.lines.show(done, total, f"{done:g} calls")


def test_a_line_has_share_elapsed_time_and_what_is_done() -> None:
    log = Log()
    log.after(200.0, 12)
    assert log.said == ["[ 12%] 0:03:20, 12 calls"]


def test_each_tenth_of_the_work_gets_one_line() -> None:
    log = Log()
    for done in range(101):
        log.after(1.0, done)
    assert [line.split("]")[0] for line in log.said] == [f"[{share:4.0%}" for share in [n / 10 for n in range(1, 11)]]


def test_a_short_job_gets_none() -> None:
    log = Log()
    for done in range(101):
        log.after(0.019, done)
    assert log.said == []


def test_quick_steps_share_a_line() -> None:
    log = Log()
    for done in range(0, 101, 10):
        log.after(0.5, done)
    assert log.said == ["[ 30%] 0:00:02, 30 calls", "[ 70%] 0:00:04, 70 calls"]


def test_slow_work_is_told_of_twice_a_minute_whether_or_not_there_is_news() -> None:
    log = Log()
    log.after(1.0, 1)
    for _ in range(60):
        log.now_s += 1.0
        log.lines.beat()
    assert log.said == ["[  1%] 0:00:30, 1 calls", "[  1%] 0:01:00, 1 calls"]


def test_a_job_that_has_said_nothing_yet_is_starting() -> None:
    log = Log()
    log.now_s += 31
    log.lines.beat()
    assert log.said == ["0:00:31, starting"]


def test_work_of_unknown_size_has_no_share() -> None:
    log = Log()
    for done in range(1, 61):
        log.after(1.0, done, None)
    assert log.said == ["0:00:30, 30 calls", "0:01:00, 60 calls"]


def test_a_log_has_lines_and_no_bar(
    monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(module, "_SOONEST_S", 0.001)  # this traffic is made in a moment
    calls = tmp_path_factory.mktemp("simulated") / "calls.jsonl"
    outcome = run("simulate", calls, "--labels", calls.with_suffix(".labels"), "--hours", "3", "--clients", "20")
    assert (outcome.code, outcome.out) == (0, b"")
    *told, summary = outcome.err.splitlines()
    assert told
    assert all(re.fullmatch(r"\[[ \d]{3}%\] \d+:\d\d:\d\d, [\d,]+ calls", line) for line in told), told
    assert summary.endswith(f"labels in {calls.with_suffix('.labels')}")


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(module, "err", Console(file=screen, force_terminal=True, width=100))
    with progress() as show:
        show(30.0, 100.0, "30 calls")
    assert re.search(r"30 calls .*━.*30%", screen.getvalue())
