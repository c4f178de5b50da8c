"""The command line in a session of its own, so that every process it leaves behind can be found."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

_DEADLINE_S = 150.0


class Command:
    """A running `stream-detector` command; use it with `with`, which ends all of its session."""

    def __init__(self, *arguments: str, directory: Path) -> None:
        """Run it with `directory` as working and temporary directory."""
        self.directory = directory
        self._text: list[str] = []
        environ = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_DETECTOR_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stream_detector", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            env={**environ, "TMPDIR": str(directory), "COLUMNS": "200"},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """What it has written so far."""
        return "".join(self._text)

    def wait(self) -> int:
        """Its exit code, after all output was read."""
        code = self.process.wait(_DEADLINE_S)
        self._reader.join(_DEADLINE_S)
        return code

    def wait_for(self, pattern: str) -> None:
        """Return once the output matches."""
        self._until(lambda: re.search(pattern, self.output) is not None or self.process.poll() is not None)
        assert re.search(pattern, self.output), self.output

    def child(self, name: str) -> int:
        """Process id of the child that runs `stream-detector NAME`, once it runs."""
        self._until(lambda: self._running(name) is not None)
        pid = self._running(name)
        assert pid is not None, self.output
        return pid

    def left_behind(self) -> list[int]:
        """Processes of the session that are still there, shortly after the command has ended."""
        self._until(lambda: not self._session())
        return self._session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._session():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._text.append(line)

    def _session(self) -> list[int]:
        listed = subprocess.run(["ps", "-axo", "pid=,stat="], capture_output=True, text=True, check=True).stdout
        alive = [int(pid) for pid, state in map(str.split, listed.splitlines()) if not state.startswith("Z")]
        return [pid for pid in alive if _session_of(pid) == self.process.pid]

    def _running(self, name: str) -> int | None:
        listed = subprocess.run(["ps", "-axo", "pid=,args="], capture_output=True, text=True, check=True).stdout
        commands = (line.strip().split(None, 1) for line in listed.splitlines())
        found = (int(pid) for pid, *command in commands if "".join(command).endswith(f"-m stream_detector {name}"))
        return next((pid for pid in found if _session_of(pid) == self.process.pid), None)

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_S
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1
