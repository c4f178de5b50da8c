"""Start and stop the servers that tests need; a server never outlives its test run."""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PORTS = range(12_000, 32_000)
"""Below those that the kernel gives out by itself (Linux), to connections and to servers that ask for any."""
_tried = itertools.count(os.getpid() * 997)
"""Processes that run tests at the same time begin far apart."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on right now, and that nobody else is told of."""
    for number in _tried:
        port = _PORTS[number % len(_PORTS)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Return as soon as `condition` holds; AssertionError naming `what` when it does not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(0.02)


class ServerProcess:
    """One child process with its output in a file. The kernel kills it when the test run dies (Linux)."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        """`environment`: all of its variables; None for those of this process."""
        self.log = log
        reaper = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*reaper, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C stops the tests first, then they stop their servers
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, answers: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until `answers`; RuntimeError with the end of the log when the process ends or the time is up."""
        deadline = time.monotonic() + timeout_s
        while not answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
                message = f"{self._process.args!r} did not start; end of {self.log}:\n{tail}"
                raise RuntimeError(message)
            time.sleep(0.05)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask it to end, then make it."""
        self._process.terminate()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def send_signal(self, signal_number: int) -> None:
        self._process.send_signal(signal_number)


def accepts_connections(port: int) -> bool:
    """Whether somebody listens on the loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
