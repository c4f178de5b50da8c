"""Ten thousand malformed and hostile requests to every port that we listen on: nothing crashes, grows or leaks."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from envoy.service.rate_limit_quota.v3.rlqs_pb2 import RateLimitQuotaUsageReports
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitRequest
from running.collector_process import CollectorProcess
from running.hook_process import HookProcess
from running.worker_process import WorkerProcess
from servers.kafka_topics import KafkaTopics
from servers.processes import accepts_connections, free_port, wait_until

REQUESTS = 10_000
AT_ONCE = 32
MARKER = b"sk-fuzzed-marker-0815"
GROWTH_BYTES = 80 * 1024 * 1024
"""More than caches and buffers of a server that has just started, less than 10,000 leaked requests of some size."""

_HTTP = [
    b"GET /check HTTP/1.1\r\nhost: x\r\nx-client-id: alice\r\nauthorization: " + MARKER + b"\r\n\r\n",
    b"POST /check-nginx/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nx-client-id: " + MARKER + b"\r\n\r\nhello",
    b"GET /settle HTTP/1.1\r\nhost: x\r\nx-client-id: a\r\nx-stream-detector-output-tokens: 99999999999999\r\n\r\n",
    b"GET /decisions/stream?after=../../x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + MARKER + b"\r\n\r\n",
    b'POST /v1/calls HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{"id":"x"}\n\n',
    b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nff\r\n" + MARKER + b"\r\n0\r\n\r\n",
    b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n\x1f\x8b" + b"\0" * 8,
    b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x08\x01\x04\x00\x00\x00\x01"
    + bytes(40),
]


_CHECK, _LIMIT, _QUOTA, _LOGGED = (
    CheckRequest(),
    RateLimitRequest(),
    RateLimitQuotaUsageReports(),
    StreamAccessLogsMessage(),
)
_CHECK.attributes.request.http.headers.update({"x-client-id": "alice", "authorization": MARKER.decode()})
_LIMIT.domain = MARKER.decode()
_LIMIT.descriptors.add().entries.add(key="client_id", value="alice")
_QUOTA.bucket_quota_usages.add().bucket_id.bucket["client_id"] = MARKER.decode()
_LOGGED.identifier.log_name = MARKER.decode()
_LOGGED.http_logs.log_entry.add().request.request_headers["x-client-id"] = MARKER.decode()
_CALLS = {
    "grpc": {
        "/envoy.service.auth.v3.Authorization/Check": _CHECK.SerializeToString(),
        "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit": _LIMIT.SerializeToString(),
        "/envoy.service.rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas": _QUOTA.SerializeToString(),
        "/grpc.health.v1.Health/Check": b"\x0a\x05alice",
    },
    "access_log": {"/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs": _LOGGED.SerializeToString()},
}
"""Method -> a message for it."""


class Port:
    """A port, the process behind it, and how to tell that it works."""

    def __init__(self, number: int, pid: int, log: Path, works: Callable[[], bool]) -> None:
        self.number, self.pid, self.log, self.works = number, pid, log, works

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def resident_bytes(self) -> int:
        return 4096 * int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])


@pytest.fixture
def port(request: pytest.FixtureRequest, redis_url: str, kafka_topics: KafkaTopics, tmp_path: Path) -> Iterator[Port]:
    with ExitStack() as exits:
        yield _STARTS[request.param](exits, redis_url, kafka_topics, tmp_path)


def start_hook(exits: ExitStack, redis_url: str, _: KafkaTopics, folder: Path) -> Port:
    settings = {"redis": redis_url, "hook_feed_token": "a-token-that-is-long-enough"}
    hook = HookProcess(settings, folder / "log")
    exits.callback(hook.close)
    hook.wait_ready()
    return Port(int(hook.address.rpartition(":")[2]), hook.pid, folder / "log", lambda: hook.ask("alice") == 200)


def start_grpc(exits: ExitStack, redis_url: str, _: KafkaTopics, folder: Path) -> Port:
    port = free_port()
    hook = HookProcess({"redis": redis_url, "hook_grpc_port": port, "hook_grpc_processes": 1}, folder / "log")
    exits.callback(hook.close)
    hook.wait_ready()
    (pid,) = hook.grpc_processes
    return Port(port, pid, folder / "log", lambda: asks(hook.grpc_address))


def asks(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        return bool(AuthorizationStub(channel).Check(CheckRequest(), timeout=10).HasField("ok_response"))


def start_collector(exits: ExitStack, _: str, topics: KafkaTopics, folder: Path) -> Port:
    settings = {"kafka": topics.bootstrap, "topic_calls": topics.create(), "topic_dead": topics.create()}
    collector = CollectorProcess(settings, folder / "log")
    exits.callback(collector.stop)
    collector.wait_ready()
    return Port(int(collector.address.rpartition(":")[2]), collector.pid, folder / "log", collector.is_ready)


def start_access_log(exits: ExitStack, redis_url: str, topics: KafkaTopics, folder: Path) -> Port:
    port = free_port()
    settings = {"kafka": topics.bootstrap, "topic_calls": topics.create(), "topic_dead": topics.create()}
    collector = CollectorProcess({**settings, "redis": redis_url, "collector_grpc_port": port}, folder / "log")
    exits.callback(collector.stop)
    collector.wait_ready()
    return Port(port, collector.pid, folder / "log", lambda: collector.is_ready() and accepts_connections(port))


def start_worker(exits: ExitStack, redis_url: str, topics: KafkaTopics, folder: Path) -> Port:
    names = {name: topics.create() for name in ("topic_calls", "topic_dead", "topic_decisions")}
    worker = WorkerProcess({"kafka": topics.bootstrap, "redis": redis_url, **names}, folder / "log")
    exits.callback(worker.kill)
    wait_until(lambda: bool(worker.metrics()), "the worker shows metrics", 60)
    return Port(int(worker.address.rpartition(":")[2]), worker.pid, folder / "log", lambda: bool(worker.metrics()))


_STARTS = {
    "hook": start_hook,
    "grpc": start_grpc,
    "collector": start_collector,
    "access_log": start_access_log,
    "worker": start_worker,
}


@pytest.mark.parametrize("port", list(_STARTS), indirect=True)
def test_ten_thousand_hostile_requests_crash_nothing_and_leak_nothing(port: Port) -> None:
    _hold(port, lambda count: attack(port.number, count))


@pytest.mark.parametrize(("port", "calls"), list(_CALLS.items()), indirect=["port"])
def test_ten_thousand_hostile_messages_crash_nothing_and_leak_nothing(port: Port, calls: dict[str, bytes]) -> None:
    _hold(port, lambda count: attack_with_messages(port.number, calls, count))


def _hold(port: Port, attacks: Callable[[int], Coroutine[None, None, None]]) -> None:
    asyncio.run(attacks(REQUESTS // 10))  # warm
    before_files, before_bytes = port.open_files(), port.resident_bytes()
    asyncio.run(attacks(REQUESTS))
    assert port.works()
    assert port.open_files() <= before_files + AT_ONCE
    assert port.resident_bytes() <= before_bytes + GROWTH_BYTES
    log = port.log.read_bytes()
    assert b"Traceback" not in log
    assert MARKER not in log


async def attack_with_messages(port: int, calls: dict[str, bytes], count: int) -> None:
    """Call methods with damaged messages, one to three of them; a stream is left open, ended or cancelled."""
    chance, numbers, methods = random.Random(7), iter(range(count)), list(calls)

    async def attacker(channel: grpc.aio.Channel) -> None:
        for _ in numbers:
            method = chance.choice(methods)
            messages = [damaged(chance, [calls[method]]) for _ in range(chance.randrange(1, 4))]
            stream = channel.stream_stream(method)(iter(messages), timeout=0.5 if chance.random() < 0.1 else 5)
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
                await stream.read()
            stream.cancel()

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.gather(*(attacker(channel) for _ in range(AT_ONCE)))


async def attack(port: int, count: int) -> None:
    """Send requests damaged at random, some at once; read what comes for a moment, or not at all."""
    chance, numbers = random.Random(5), iter(range(count))

    async def attacker() -> None:
        for _ in numbers:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(5):
                    await one(port, damaged(chance, _HTTP), listens=chance.random() < 0.5)

    await asyncio.gather(*(attacker() for _ in range(AT_ONCE)))


async def one(port: int, request: bytes, *, listens: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        if listens:
            writer.write_eof()
            await reader.read(1 << 16)
    finally:
        writer.transport.abort()


def damaged(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    """One of the samples with bytes changed, removed, doubled, or cut off."""
    request = bytearray(chance.choice(samples))
    for _ in range(chance.randrange(6)):
        place, length = chance.randrange(len(request) + 1), chance.randrange(1, 20)
        match chance.randrange(4):
            case 0:
                request[place:place] = chance.randbytes(length)
            case 1:
                del request[place : place + length]
            case 2:
                request[place:place] = request[place : place + length] * chance.choice((1, 2, 500))
            case _:
                request[place : place + length] = chance.choice(
                    (b"\r\n", b"\0", b"\xff" * length, b"%00", MARKER, b": ")
                )
    return bytes(request[: chance.randrange(len(request) + 1)]) if chance.random() < 0.3 else bytes(request)
