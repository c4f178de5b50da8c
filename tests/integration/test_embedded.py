"""The embedded stack with real children: it answers, it ends, and it leaves nothing behind however its parent goes."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from stream_detector.embedded import ChildFailed, ChildGroup, EmbeddedStack, stack

_WITHIN_S = 20.0

_PARENT = """
import asyncio, os, signal, sys
from stream_detector.embedded import EmbeddedStack

async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    async with EmbeddedStack() as embedded:
        child = embedded.children.start("stubborn", [sys.executable, "-c", GRANDCHILD])
        print(os.getpgid(child.pid), embedded.children.directory, flush=True)
        if sys.argv[1] == "raise":
            raise RuntimeError("on purpose")
        await asyncio.sleep(600)

GRANDCHILD = '''
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
'''
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # likewise, below nohup
asyncio.run(main())
"""
_DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
signal.pause()
"""


class _Parent:
    """A Python process that runs the stack and a child with a grandchild."""

    def __init__(self, what: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PARENT, what],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        group, directory = self.process.stdout.readline().split()
        self.group, self.directory = int(group), Path(directory)

    def left_nothing(self) -> bool:
        try:
            os.killpg(self.group, 0)
        except ProcessLookupError:
            return not self.directory.exists()
        return False


@pytest.fixture
def parent(request: pytest.FixtureRequest) -> Iterator[_Parent]:
    started = _Parent(getattr(request, "param", "wait"))
    yield started
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.group, signal.SIGKILL)
    started.process.kill()
    started.process.communicate()


def _eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _WITHIN_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_broker_keeps_records_in_order_and_the_store_keeps_values() -> None:
    async def scenario() -> list[bytes | None]:
        async with EmbeddedStack() as embedded:
            with redis.Redis.from_url(embedded.redis) as store:
                store.set("key", "value")
                assert store.get("key") == b"value"
            async with AIOKafkaProducer(bootstrap_servers=embedded.kafka) as producer:
                for number in range(5):
                    await producer.send_and_wait("topic", b"%d" % number, partition=0)
            consumer = AIOKafkaConsumer(bootstrap_servers=embedded.kafka, auto_offset_reset="earliest")
            consumer.assign([TopicPartition("topic", 0)])
            async with consumer:
                return [(await consumer.getone()).value for _ in range(5)]

    assert asyncio.run(scenario()) == [b"0", b"1", b"2", b"3", b"4"]


def test_the_directory_and_the_servers_are_gone_after_the_block() -> None:
    async def scenario() -> None:
        async with EmbeddedStack() as embedded:
            directory = embedded.children.directory
            ports = [int(re.findall(r":(\d+)", address)[0]) for address in (embedded.kafka, embedded.redis)]
            assert directory.exists()
            assert all(_listens(port) for port in ports)
        assert not directory.exists()
        assert not any(_listens(port) for port in ports)

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_behind_when_the_parent_is_ended_by(number: signal.Signals, parent: _Parent) -> None:
    assert not parent.left_nothing()
    parent.process.send_signal(number)
    parent.process.communicate(timeout=_WITHIN_S)
    assert _eventually(parent.left_nothing)


@pytest.mark.parametrize("parent", ["raise"], indirect=True)
def test_nothing_is_left_behind_when_the_parent_raises(parent: _Parent) -> None:
    errors = parent.process.communicate(timeout=_WITHIN_S)[1]
    assert "RuntimeError: on purpose" in errors
    assert _eventually(parent.left_nothing)


def test_a_port_that_somebody_took_meanwhile_is_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with EmbeddedStack() as first:
            broker, store = (int(re.findall(r":(\d+)", address)[0]) for address in (first.kafka, first.redis))
            ports = iter([broker, stack.free_port(), store, stack.free_port()])
            monkeypatch.setattr(stack, "free_port", lambda: next(ports))
            async with EmbeddedStack() as second:
                assert second.kafka != first.kafka
                assert second.redis != first.redis

    asyncio.run(scenario())


def test_the_error_of_a_child_that_dies_shows_its_exit_code_and_the_end_of_its_log() -> None:
    async def never() -> bool:
        return False

    async def scenario() -> None:
        async with ChildGroup() as children:
            command = [sys.executable, "-c", "import sys; print('first', 'x' * 99999); sys.exit('no such topic')"]
            await children.start("worker", command).wait_until(never, within_s=_WITHIN_S)

    with pytest.raises(ChildFailed, match=r"worker ended with exit code 1; the end of its log:[^f]*no such topic"):
        asyncio.run(scenario())


def test_a_child_that_is_not_ready_in_time_is_named() -> None:
    async def never() -> bool:
        return False

    async def scenario() -> None:
        async with ChildGroup() as children:
            await children.start("hook", ["sleep", "600"]).wait_until(never, within_s=0.1)

    with pytest.raises(ChildFailed, match=r"hook was not ready within 0\.1 s; its log is empty"):
        asyncio.run(scenario())


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace_time() -> None:
    async def scenario() -> int:
        async with ChildGroup() as children:
            child = children.start("deaf", [sys.executable, "-c", _DEAF])

            async def is_deaf() -> bool:
                return "deaf" in child.log_tail()

            await child.wait_until(is_deaf, within_s=_WITHIN_S)
            return await child.stop(grace_s=0.1)

    assert asyncio.run(scenario()) == -signal.SIGKILL


def test_children_see_the_given_environment_and_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")

    async def scenario() -> str:
        async with ChildGroup() as children:
            command = [sys.executable, "-c", "import os; print(os.environ['OURS'], os.environ['GIVEN'])"]
            child = children.start("child", command, {"GIVEN": "2"})
            assert child.wait() == 0
            return child.log_tail()

    assert asyncio.run(scenario()) == "1 2"
