"""The processes that answer Envoy by gRPC: they share a port, are counted together, live on, and end with their parent."""

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from envoy.service.ratelimit.v3.rls_pb2_grpc import RateLimitServiceStub
from gateways.asking import hang_up_after
from gateways.envoy_questions import about, descriptor, descriptors
from gateways.hooks import RecordingObserver, decision
from gateways.listening_collector import ListeningCollector
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from prometheus_client.parser import text_string_to_metric_families
from running.hook_process import HookProcess
from running.worker_process import started_in_vain
from servers.processes import accepts_connections, free_port, wait_until
from servers.redis_server import RedisServer

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action
from stream_detector.hook.envoy.family import Family, FamilyEnded

PROCESSES = 2
METHODS = (
    "auth.v3.Authorization/Check",
    "ratelimit.v3.RateLimitService/ShouldRateLimit",
    "rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas",
)


@pytest.fixture
def hook(redis_url: str, tmp_path: Path) -> Iterator[HookProcess]:
    """A hook that blocks mallory."""
    now_s = time.time()
    made = decision("mallory", Action.BLOCK, decided_at=now_s, expires_at=now_s + 3600)

    async def put() -> None:
        async with RedisStores(redis_url, prefix="sd", profile_ttl_s=3600.0) as stores:
            await stores.decisions.put([made], now_s)

    asyncio.run(put())
    settings = {"redis": redis_url, "hook_grpc_port": free_port(), "hook_grpc_processes": PROCESSES}
    started = HookProcess(settings, tmp_path / "hook.log")
    started.wait_ready()
    wait_until(lambda: began_to_listen(tmp_path) == PROCESSES, "all processes listen")
    yield started
    started.close()


def began_to_listen(folder: Path) -> int:
    """How many processes did so far."""
    return (folder / "hook.log").read_text().count("listens")


def ask(hook: HookProcess, client: str) -> int:
    """The status of the answer over a connection of its own; 0 for a call that may pass."""
    with grpc.insecure_channel(hook.grpc_address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        answer = AuthorizationStub(channel).Check(about(client), timeout=10, wait_for_ready=True)
    return int(answer.denied_response.status.code)


def counted(hook: HookProcess) -> float:
    """Verdicts of all processes."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(hook.metrics())
        for sample in family.samples
        if sample.name == "stream_detector_hook_verdicts_total"
    )


def value_of(hook: HookProcess, name: str) -> float:
    """Of a metric; the name has its labels."""
    (line,) = (line for line in hook.metrics().splitlines() if line.startswith(f"stream_detector_hook_{name} "))
    return float(line.split()[1])


def test_answers_of_all_processes_are_counted_at_one_place(hook: HookProcess) -> None:
    assert [ask(hook, client) for client in ("mallory", "carol") * 5] == [403, 0] * 5
    with grpc.insecure_channel(hook.grpc_address) as channel:
        limited = RateLimitServiceStub(channel).ShouldRateLimit(descriptors(descriptor(client_id="carol")), timeout=10)
    assert len(limited.statuses) == 1
    wait_until(lambda: counted(hook) == 11, "11 answers are counted")


def test_a_process_that_dies_is_started_anew_while_the_others_answer(hook: HookProcess, tmp_path: Path) -> None:
    before = hook.grpc_processes
    victim = min(before)
    assert (value_of(hook, "grpc_processes"), value_of(hook, "grpc_ends_total")) == (PROCESSES, 0)
    os.kill(victim, signal.SIGKILL)
    assert ask(hook, "mallory") == 403
    wait_until(lambda: began_to_listen(tmp_path) == PROCESSES + 1, "another one listens in its place")
    assert len(hook.grpc_processes) == PROCESSES
    assert before - hook.grpc_processes == {victim}
    assert (value_of(hook, "grpc_processes"), value_of(hook, "grpc_ends_total")) == (PROCESSES, 1)
    assert ask(hook, "mallory") == 403


@pytest.fixture
def collector() -> Iterator[ListeningCollector]:
    with ListeningCollector() as started:
        yield started


@pytest.fixture
def reporting(redis_url: str, collector: ListeningCollector, tmp_path: Path) -> Iterator[HookProcess]:
    """A hook that reports the calls that it is asked about."""
    settings = {
        "redis": redis_url,
        "hook_grpc_port": free_port(),
        "hook_grpc_processes": PROCESSES,
        "hook_calls_to": collector.url,
        "collector_token": collector.token,
    }
    started = HookProcess(settings, tmp_path / "hook.log")
    started.wait_ready()
    yield started
    started.close()


def reports(hook: HookProcess, state: str) -> float:
    return value_of(hook, f'reports_total{{state="{state}"}}')


def test_calls_that_all_processes_are_asked_about_are_reported_and_counted_at_one_place(
    reporting: HookProcess, collector: ListeningCollector
) -> None:
    assert [ask(reporting, "carol") for _ in range(20)] == [0] * 20
    wait_until(lambda: len(collector.of("carol")) == 20, "all calls are reported")
    wait_until(lambda: reports(reporting, "arrived") == 20, "they are counted")
    collector.status = 400
    assert ask(reporting, "dave") == 0
    wait_until(lambda: reports(reporting, "lost") == 1, "a call that nobody takes is counted as lost")


def test_the_last_calls_before_the_end_are_reported(reporting: HookProcess, collector: ListeningCollector) -> None:
    for number in range(20):
        ask(reporting, f"client-{number}")
    reporting.close()
    assert [len(collector.of(f"client-{number}")) for number in range(20)] == [1] * 20


def health(hook: HookProcess) -> str:
    """What `grpc.health.v1` says; empty while nobody answers."""
    with grpc.insecure_channel(hook.grpc_address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            status = HealthStub(channel).Check(HealthCheckRequest(), timeout=5).status
        except grpc.RpcError:
            return ""
    return str(HealthCheckResponse.ServingStatus.Name(status))


def test_a_process_serves_for_probes_as_soon_as_the_decisions_were_read(
    private_redis: RedisServer, tmp_path: Path
) -> None:
    private_redis.stop()
    started = HookProcess({"redis": private_redis.url, "hook_grpc_port": free_port()}, tmp_path / "hook.log")
    try:
        wait_until(lambda: health(started) == "NOT_SERVING", "a process listens without Redis", 20.0)
        private_redis.start()
        wait_until(lambda: {health(started) for _ in range(5)} == {"SERVING"}, "all processes serve", 20.0)
    finally:
        started.close()


def test_processes_without_a_parent_end(hook: HookProcess) -> None:
    port = int(hook.grpc_address.rpartition(":")[2])
    hook.kill()
    wait_until(lambda: not accepts_connections(port), "nobody listens any more")


def test_garbage_ends_no_process_and_gets_no_answer_that_means_something(hook: HookProcess) -> None:
    before, port, dice = hook.grpc_processes, int(hook.grpc_address.rpartition(":")[2]), random.Random(4)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for number in range(300):
        garbage = dice.randbytes(dice.randrange(2000))
        asyncio.run(hang_up_after(port, preface * (number % 2) + garbage))
    with grpc.insecure_channel(hook.grpc_address) as channel:
        for method in (*METHODS, "x/y"):
            send = channel.unary_unary(f"/envoy.service.{method}", bytes, bytes)
            for _ in range(100):
                try:
                    send(dice.randbytes(dice.randrange(300)), timeout=10)
                except grpc.RpcError as error:
                    assert error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED  # noqa: PT017 - a valid message passes
    assert hook.grpc_processes == before
    assert ask(hook, "mallory") == 403


def test_a_taken_port_is_one_line_for_the_operator(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {"redis": redis_url, "hook_port": free_port(), "hook_grpc_port": port}
        ended = started_in_vain("hook", settings)
    assert ended.returncode == 2
    assert f"hook_grpc_port: cannot listen on 127.0.0.1:{port}" in ended.stderr.splitlines()[-1]


def test_a_process_that_cannot_start_ends_all_with_a_line_that_says_so() -> None:
    family = Family(socket.socket.close, 2, RecordingObserver())
    with pytest.raises(FamilyEnded, match="ended with code 0 before it listened"):
        asyncio.run(family.run())
