"""Questions per second and latency of one hook process over real HTTP and a real Redis, asked from a second process.

    PYTHONPATH=tests python tests/benchmarks/bench_hook.py [--subjects 1000000] [--seconds 3]

The table holds `--subjects` other subjects. "inside" is what the hook itself measures from the request to the answer.
The last rows compare an empty application in granian's embedded server with one in granian's own worker process.
"""

import argparse
import asyncio
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from gateways.hooks import ready_gateway
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from prometheus_client import CollectorRegistry
from servers.redis_server import RedisServer, redis_binary

from stream_detector.adapters.clocks import WallClock
from stream_detector.adapters.hook_metrics import PrometheusHookObserver
from stream_detector.adapters.memory import MemoryDecisionStore
from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Subject, SubjectKind
from stream_detector.domain.verdicts import Failure, Verdict
from stream_detector.hook.guard import Guard
from stream_detector.hook.judge import Doubt
from stream_detector.hook.process import Hook, HookOptions
from stream_detector.serving.server import serve

_CLIENTS = {"allowed": "nobody", "blocked": "bad", "throttled, admitted": "slow", "throttled, refused": "slower"}


class Stopwatch(PrometheusHookObserver):
    """Counts as in production, and keeps every duration."""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())
        self.seconds: list[float] = []

    def answered(self, verdict: Verdict, seconds: float) -> None:
        super().answered(verdict, seconds)
        self.seconds.append(seconds)


def decision(key: str, action: Action, limit: Limit | None = None) -> Decision:
    now_s = time.time()
    return Decision(
        subject=Subject(SubjectKind.CLIENT, key),
        action=action,
        mode=Mode.ENFORCE,
        limit=limit,
        risk=1.0,
        policy_version="bench",
        decided_at=now_s,
        expires_at=now_s + 3600 + random.random() * 3600,
    )


def serve_hook(url: str, subjects: int, pipe: Connection) -> None:
    """The hook process: sends its port, then, for each word it is sent, percentiles since the word before."""
    uvloop.run(_serve_hook(url, subjects, pipe))


async def _serve_hook(url: str, subjects: int, pipe: Connection) -> None:
    watch, stop = Stopwatch(), asyncio.Event()
    store = MemoryDecisionStore()
    await store.put([decision(f"other-{number:07d}", Action.MARK) for number in range(subjects)], time.time())
    await store.put(
        [
            decision("bad", Action.BLOCK),
            decision("slow", Action.THROTTLE, Limit(requests=1_000_000, window_s=1.0, burst=1_000_000)),
            decision("slower", Action.THROTTLE, Limit(requests=1, window_s=3600.0, burst=1)),
        ],
        time.time(),
    )

    def tell() -> None:
        if pipe.recv() == "stop":
            stop.set()
        pipe.send(percentiles(watch.seconds))
        watch.seconds.clear()

    asyncio.get_running_loop().add_reader(pipe.fileno(), tell)
    async with RedisStores(url, prefix="bench", profile_ttl_s=60.0) as stores:
        hook = Hook(
            guard=Guard(
                store=store,
                limiter=stores.limiter,
                clock=WallClock(),
                observer=watch,
                random=random.random,
                doubt=Doubt(failure=Failure.CLOSED, unidentified=Failure.CLOSED, limiter_timeout_s=0.05),
                stale_after_s=60.0,
            ),
            clock=WallClock(),
            observer=watch,
            render_metrics=watch.render,
            options=HookOptions(
                host="127.0.0.1",
                port=0,
                client_header="x-client-id",
                call_header="x-request-id",
            ),
        )
        await hook.run(stop, pipe.send)


async def empty(_request: object, responder: object) -> None:
    """An application that only answers."""
    responder.response_empty(200, [])  # type: ignore[attr-defined]


def serve_embedded(pipe: Connection) -> None:
    """The empty application in granian's embedded server."""
    run = serve(
        empty,  # type: ignore[arg-type]
        host="127.0.0.1",
        port=0,
        stop=asyncio.Event(),
        stop_within_s=1.0,
        on_listening=pipe.send,
        settings="",
    )
    uvloop.run(run)


def serve_worker(pipe: Connection) -> None:
    """The empty application in granian's own worker process."""
    port = random.randrange(20_000, 30_000)
    server = Granian(
        f"{Path(__file__)}:empty",
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        loop=Loops.uvloop,
        websockets=False,
        log_enabled=False,
    )
    server.on_startup(lambda: pipe.send(port))
    server.serve()


def percentiles(values: list[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    if not values:
        return "-"
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2] * 1e3:.3f} / {ordered[len(ordered) * 99 // 100] * 1e3:.3f}"


class Asker(asyncio.Protocol):
    """One connection with one question under way."""

    def __init__(self, question: bytes, statuses: dict[bytes, int], durations: list[float]) -> None:
        self._question, self._statuses, self._durations = question, statuses, durations

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._durations.append(time.perf_counter() - self._asked)
        self._statuses[data[9:12]] = self._statuses.get(data[9:12], 0) + 1
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self.transport.write(self._question)  # type: ignore[attr-defined]


async def ask(port: int, client: str, connections: int, seconds: float) -> str:
    """Ask over kept-alive connections; questions per second, percentiles and the statuses seen."""
    question = f"POST /check/v1/chat HTTP/1.1\r\nhost: hook\r\nx-client-id: {client}\r\n\r\n".encode()
    statuses: dict[bytes, int] = {}
    durations: list[float] = []
    loop = asyncio.get_running_loop()
    askers = [
        (await loop.create_connection(lambda: Asker(question, statuses, durations), "127.0.0.1", port))[0]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    per_second = len(durations) / seconds
    for transport in askers:
        transport.close()
    return f"{per_second:9,.0f}   {percentiles(durations):>15}   {_shares(statuses):<12}"


async def until_ready(port: int) -> None:
    """Wait until the hook has read its table."""
    async with ready_gateway(port):
        pass


def _shares(statuses: Mapping[bytes, int]) -> str:
    total = sum(statuses.values())
    return ", ".join(f"{status.decode()}: {count / total:.1%}" for status, count in sorted(statuses.items()))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def bench_hook(url: str, subjects: int, seconds: float) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve_hook, args=(url, subjects, theirs))
    process.start()
    port = ours.recv()
    uvloop.run(until_ready(port))
    for name, client in _CLIENTS.items():
        for connections in (1, 8, 32):
            ours.send("mark")
            ours.recv()
            line = uvloop.run(ask(port, client, connections, seconds))
            ours.send("mark")
            say(f"{name:<22}{connections:>5}   {line}   {ours.recv():>15}")
    ours.send("stop")
    process.join(20)


def bench_empty(name: str, target: Callable[[Connection], None], seconds: float) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(theirs,))
    process.start()
    port = ours.recv()
    time.sleep(1.0)
    for connections in (1, 8, 32):
        say(f"{name:<22}{connections:>5}   {uvloop.run(ask(port, 'nobody', connections, seconds))}")
    process.terminate()
    process.join(20)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--subjects", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    binary = redis_binary() or sys.exit("no Redis found; run `make servers`")
    multiprocessing.set_start_method("spawn")
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(binary, Path(folder))
        redis.start()
        say(f"{'question':<22}conns   questions/s   p50 / p99 ms   statuses       inside p50 / p99 ms")
        bench_hook(redis.url, arguments.subjects, arguments.seconds)
        bench_empty("empty, embedded", serve_embedded, arguments.seconds)
        bench_empty("empty, worker process", serve_worker, arguments.seconds)
        redis.stop()


if __name__ == "__main__":
    main()
