"""The demo from beginning to end. Exit code 0 only if every event was accounted for."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import uvloop
from msgspec import Struct
from rich.console import Console

from stream_detector.demo import live, report
from stream_detector.demo.console import new_console
from stream_detector.demo.gateway import Gateway, http_hook, kafka_events
from stream_detector.demo.ledger import Ledger
from stream_detector.demo.outcome import outcome_of
from stream_detector.demo.summary import print_going_on, print_summary
from stream_detector.demo.system import start_system
from stream_detector.demo.tasks import EXIT_BASE, alongside, interruptible, until_a_child_dies
from stream_detector.demo.timeline import Timeline, span_text
from stream_detector.demo.traffic import SPEED, Traffic
from stream_detector.demo.watch import Watch, watching
from stream_detector.domain.errors import ConfigError
from stream_detector.embedded import MEMORY_WARNING, EmbeddedStack

_START_S = 10.0
"""Wall time until the first call: what worker and hook need to start."""
_POLL_S = 0.1
_STUCK_S = 20.0
"""Events that nobody has handled for so long are lost."""


class DemoOptions(Struct, frozen=True, kw_only=True):
    """What the user chooses."""

    seconds: float = 60.0
    """Wall time of the traffic."""
    seed: int = 1
    report: str = "demo-report.html"
    """Path of the report."""


def run_demo(options: DemoOptions) -> int:
    """Run the demo; return the exit code: 0, 1 if events were lost, 128 + the signal that ended it.

    Raises:
        ConfigError: a setting does not fit, a server is not installed, or the report cannot be written.
        ChildFailed: a child process died; the summary so far has been printed.
    """
    _check_writable(options.report)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(options))


async def _run(options: DemoOptions) -> int:
    demo = _Demo(Traffic.of(options.seconds, options.seed), options, new_console())
    number = None
    try:
        number = await interruptible(demo.play())
    finally:
        if demo.ledger.calls:
            demo.conclude()
    if number is not None:
        return EXIT_BASE + number
    outcome = outcome_of(demo.ledger)
    return 1 if outcome.lost or outcome.unsent else 0


class _Demo:
    def __init__(self, traffic: Traffic, options: DemoOptions, console: Console) -> None:
        self.ledger = Ledger(traffic.truth)
        self._traffic = traffic
        self._options = options
        self._console = console
        self._watch: Watch | None = None
        self._gateway: Gateway | None = None
        self._is_complete = False

    async def play(self) -> None:
        """Start everything, let the traffic run, and wait until all of it is handled."""
        traffic, say = self._traffic, self._console.print
        say(f"{span_text(traffic.span_s)} of API traffic in {self._options.seconds:g} s, seed {self._options.seed}.")
        say(f"{MEMORY_WARNING}\nStarting broker, store, worker and hook ...", style="dim")
        timeline = Timeline(traffic.start_s, time.time() + _START_S, SPEED)
        async with AsyncExitStack() as exits:
            stack = await exits.enter_async_context(EmbeddedStack())
            session = await exits.enter_async_context(aiohttp.ClientSession())
            system = await start_system(stack, session, timeline)
            settings = system.settings
            hook = await exits.enter_async_context(http_hook(f"{system.hook}/check", settings.hook_client_header))
            events = await exits.enter_async_context(kafka_events(settings.kafka, settings.topic_calls, self.ledger))
            watch = self._watch = await exits.enter_async_context(
                watching(settings.kafka, system.outputs, settings.topic_dead, self.ledger)
            )
            gateway = self._gateway = Gateway(hook, events, traffic.refuse, self.ledger, timeline)
            async with alongside(
                until_a_child_dies(stack.children),
                watch.read_topics(),
                watch.read_metrics(session, system.worker_metrics, system.hook_metrics),
                live.show(self._console, self.ledger, lambda: self._status(gateway)),
            ):
                await gateway.drive(traffic.calls())
                await events.flush()
                await self._settle(watch)
        self._is_complete = True

    async def _settle(self, watch: Watch) -> None:
        """Return when everything is accounted for, or when nothing has moved for `_STUCK_S`."""
        before, since = watch.progress(), time.monotonic()
        while not watch.has_everything() and time.monotonic() - since < _STUCK_S:
            await asyncio.sleep(_POLL_S)
            if watch.progress() != before:
                before, since = watch.progress(), time.monotonic()

    def _status(self, gateway: Gateway) -> live.Status:
        traffic, ledger = self._traffic, self.ledger
        event_s = max(gateway.newest_s, traffic.start_s)
        return live.Status(
            share_done=(event_s - traffic.start_s) / traffic.span_s,
            event_s=event_s,
            speed=SPEED,
            calls=ledger.calls,
            refused=ledger.refused,
            lag=max(0, ledger.unsettled),
            behind_s=gateway.behind_s,
            decisions=dict(ledger.actions),
        )

    def conclude(self) -> None:
        """Print the summary and write the report."""
        outcome = outcome_of(self.ledger)
        verdicts = self._watch.verdicts() if self._watch else {}
        worst_behind_s = self._gateway.worst_behind_s if self._gateway else 0.0
        print_summary(self._console, outcome, verdicts, worst_behind_s, is_complete=self._is_complete)
        path = Path(self._options.report).resolve()
        path.write_text(report.render(self.ledger, outcome, self._subtitle()), encoding="utf-8")
        print_going_on(self._console, path)

    def _subtitle(self) -> str:
        ending = "" if self._is_complete else "; ended early"
        return (
            f"{span_text(self._traffic.span_s)} of simulated API traffic in {self._options.seconds:g} s, "
            f"seed {self._options.seed}{ending}"
        )


def _check_writable(path: str) -> None:
    """Raise `ConfigError` now instead of after the run."""
    report_path = Path(path)
    is_new = not report_path.exists()
    try:
        with report_path.open("a"):
            pass
    except OSError as error:
        message = f"--report: {path!r} cannot be written: {error.strerror}; name a file in a folder that exists"
        raise ConfigError(message) from error
    if is_new:
        report_path.unlink()
