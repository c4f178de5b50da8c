"""How far a long command is, on standard error: a bar on a terminal, a line now and then in a log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Lock, Thread

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from stream_detector.commands.terminal import err, remark

_STEPS = 10
"""A line for each tenth of the work,"""
_SOONEST_S = 2.0
"""but none so soon after another,"""
_LATEST_S = 30.0
"""and one after this time, whether or not there is news."""

Show = Callable[[float, float | None, str], None]
"""Told how much is done, of how much (None: not known), and that in words. From any thread."""


@contextmanager
def progress() -> Iterator[Show]:
    """Show how far something is, until it ends."""
    with _bar() if err.is_terminal else _log(Lines()) as show:
        yield show


@contextmanager
def _bar() -> Iterator[Show]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)


@contextmanager
def _log(lines: "Lines") -> Iterator[Show]:
    """A log that says nothing for minutes looks like one of a job that hangs."""
    over = Event()

    def beat() -> None:
        while not over.wait(_SOONEST_S):
            lines.beat()

    thread = Thread(target=beat, name="progress", daemon=True)
    thread.start()
    try:
        yield lines.show
    finally:
        over.set()
        thread.join()


class Lines:
    """Chooses what is worth a line."""

    def __init__(self, say: Callable[[str], None] = remark, now_s: Callable[[], float] = time.monotonic) -> None:
        self._say, self._now_s = say, now_s
        self._lock = Lock()
        self._start_s = self._said_s = now_s()
        self._share: float | None = None
        self._said_step = 0
        self._text = "starting"

    def show(self, done: float, total: float | None, text: str) -> None:
        """Take note, and say it if it is time."""
        with self._lock:
            self._share, self._text = done / total if total else None, text
            self._say_if_due()

    def beat(self) -> None:
        """Say again how far it is if nothing was said for long."""
        with self._lock:
            self._say_if_due()

    def _say_if_due(self) -> None:
        now_s = self._now_s()
        quiet_s = now_s - self._said_s
        step = int((self._share or 0.0) * _STEPS)
        if quiet_s < (_SOONEST_S if step > self._said_step else _LATEST_S):
            return
        share = "" if self._share is None else f"[{self._share:4.0%}] "
        elapsed = timedelta(seconds=round(now_s - self._start_s))
        self._say(f"{share}{elapsed}, {self._text}")
        self._said_s, self._said_step = now_s, step
