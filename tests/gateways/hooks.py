"""A hook under test: hand-driven time, a store and a limiter that can be told to fail, an observer that remembers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from gateways.asking import Gateway, until

from stream_detector.adapters.memory import MemoryDecisionStore, MemoryLimiter
from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Origin, Subject, SubjectKind
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.limits import ONE_CALL, Admission, Ask, Use
from stream_detector.domain.verdicts import Failure, Settlement, Verdict
from stream_detector.hook.guard import Guard
from stream_detector.hook.judge import Doubt
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.process import Hook, HookOptions
from stream_detector.ports import Clock, DecisionStore, Limiter

NOON_S = 1_790_000_000.0
"""Event time at which tests begin."""


def decision(
    key: str = "alice",
    action: Action = Action.BLOCK,
    *,
    mode: Mode = Mode.ENFORCE,
    limit: Limit | None = None,
    decided_at: float = NOON_S,
    expires_at: float = NOON_S + 600,
    kind: SubjectKind = SubjectKind.CLIENT,
    origin: Origin = Origin.ENGINE,
    mark: str = "",
) -> Decision:
    """A decision that stands at `NOON_S`, if nothing else is said."""
    if action is Action.THROTTLE and limit is None:
        limit = Limit(requests=6, window_s=60.0, burst=2)
    return Decision(
        subject=Subject(kind, key),
        action=action,
        mode=mode,
        limit=limit,
        mark=mark,
        risk=0.9,
        origin=origin,
        policy_version="secret-policy-7",
        decided_at=decided_at,
        expires_at=expires_at,
    )


class HandClock:
    """Event time that moves only by hand (`ports.Clock`)."""

    def __init__(self) -> None:
        self.time_s = NOON_S

    def now_s(self) -> float:
        return self.time_s


class HandTimer:
    """Monotonic time that moves only by hand."""

    def __init__(self) -> None:
        self.time_s = 5.0

    def __call__(self) -> float:
        return self.time_s


class FakeLimiter:
    """Gives the prepared answer (`ports.Limiter`), raises it, or hangs."""

    def __init__(self, answer: Admission | StoreUnavailable | None) -> None:
        self.answer = answer
        self.asked: list[tuple[Subject, Limit, float]] = []
        self.asks: list[Ask] = []
        self.settled: list[tuple[Subject, Limit, Use]] = []

    async def admit(self, subject: Subject, limit: Limit, now_s: float, ask: Ask = ONE_CALL) -> Admission:
        self.asked.append((subject, limit, now_s))
        self.asks.append(ask)
        if self.answer is None:
            await asyncio.Event().wait()
        if not isinstance(self.answer, Admission):
            raise self.answer or AssertionError
        return self.answer

    async def settle(self, subject: Subject, limit: Limit, now_s: float, use: Use) -> bool:  # noqa: ARG002
        if not isinstance(self.answer, Admission):
            raise self.answer or AssertionError
        self.settled.append((subject, limit, use))
        return True


class RecordingObserver:
    """Remembers (`hook.observer.HookObserver`)."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.seconds: list[float] = []
        self.limiter_failures = 0
        self.settlements: list[Settlement] = []
        self.feed_statuses: list[int] = []
        self.feed_streams = 0
        self.grpc_processes = 0
        self.grpc_ends = 0
        self.lost_calls = 0
        self.subjects: Mapping[tuple[Action, Mode], int] = {}
        self.age_s = -1.0

    def answered(self, verdict: Verdict, seconds: float) -> None:
        self.verdicts.append(verdict)
        self.seconds.append(seconds)

    def limiter_failed(self) -> None:
        self.limiter_failures += 1

    def settled(self, settlement: Settlement) -> None:
        self.settlements.append(settlement)

    def feed_answered(self, status: int) -> None:
        self.feed_statuses.append(status)

    def feed_followed(self, streams: int) -> None:
        self.feed_streams = streams

    def grpc_listening(self, processes: int) -> None:
        self.grpc_processes = processes

    def grpc_ended(self) -> None:
        self.grpc_ends += 1

    def unreported(self, calls: int) -> None:
        self.lost_calls += calls

    def table(self, subjects: Mapping[tuple[Action, Mode], int], age_s: float) -> None:
        self.subjects = subjects
        self.age_s = age_s


def options(**changes: object) -> HookOptions:
    """Options of a hook on a free port of the loopback interface."""
    values: dict[str, object] = {
        "host": "127.0.0.1",
        "port": 0,
        "client_header": "x-client-id",
        "call_header": "x-request-id",
    }
    return HookOptions(**(values | changes))  # type: ignore[arg-type]


def doubt(
    *, failure: Failure = Failure.OPEN, unidentified: Failure = Failure.OPEN, limiter_timeout_s: float = 0.05
) -> Doubt:
    """What the hook answers when it cannot know."""
    return Doubt(failure=failure, unidentified=unidentified, limiter_timeout_s=limiter_timeout_s)


@contextlib.asynccontextmanager
async def running_hook(
    store: DecisionStore,
    limiter: Limiter,
    *,
    clock: Clock | None = None,
    observer: HookObserver | None = None,
    in_doubt: Doubt | None = None,
    stale_after_s: float = 300.0,
    hook_options: HookOptions | None = None,
) -> AsyncIterator[int]:
    """Run a hook in this event loop; yields its port as soon as it listens."""
    clock, observer = clock or HandClock(), observer or RecordingObserver()
    hook = Hook(
        guard=Guard(
            store=store,
            limiter=limiter,
            clock=clock,
            observer=observer,
            random=lambda: 0.0,
            doubt=in_doubt or doubt(),
            stale_after_s=stale_after_s,
        ),
        clock=clock,
        observer=observer,
        render_metrics=lambda: b"calls_total 1\n",
        options=hook_options or options(),
    )
    stop = asyncio.Event()
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(hook.run(stop, listening.set_result))
    await asyncio.wait({running, listening}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield listening.result() if listening.done() else await _failed(running)
    finally:
        stop.set()
        await running


async def _failed(running: "asyncio.Task[None]") -> int:
    await running
    message = "the hook ended before it listened"
    raise AssertionError(message)


@contextlib.asynccontextmanager
async def ready_gateway(port: int) -> AsyncIterator[Gateway]:
    """A connection to a hook that has read its table."""
    async with Gateway(port) as gateway:

        async def ready() -> bool:
            return (await gateway.ask(path="/readyz")).status == 200

        await until(ready, "the hook is ready")
        yield gateway


@contextlib.asynccontextmanager
async def hook_with(
    *decisions: Decision,
    hook_options: HookOptions | None = None,
    in_doubt: Doubt | None = None,
    observer: HookObserver | None = None,
) -> AsyncIterator[Gateway]:
    """A connection to a ready hook with these decisions, its store and limiter in memory."""
    store = MemoryDecisionStore()
    await store.put(decisions, NOON_S)
    async with (
        running_hook(store, MemoryLimiter(), hook_options=hook_options, in_doubt=in_doubt, observer=observer) as port,
        ready_gateway(port) as gateway,
    ):
        yield gateway
