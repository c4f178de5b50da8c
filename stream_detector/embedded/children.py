"""Child processes that we start, watch and end: servers of the embedded stack, the worker, the hook.

1. Children of one `ChildGroup` end with it, in the reverse order of their start; `watcher.py` ends them if we cannot.
2. They are in a process group of their own: Ctrl-C at the terminal reaches only us, and we end them in order.
3. What a child writes goes to a log file; when a child dies, the error shows the tail of it.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_detector.domain.errors import StreamDetectorError
from stream_detector.embedded import watcher

_POLL_S = 0.02
_TAIL_LINES = 15
_TAIL_BYTES = 16_384


class ChildFailed(StreamDetectorError):
    """A child process died or did not get ready. The message ends with the tail of its log."""


async def _becomes_true(condition: Callable[[], Awaitable[bool]], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


class ChildProcess:
    """One running child; made by `ChildGroup.start`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self._process = process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def log_tail(self) -> str:
        """The last lines it wrote."""
        with self.log_path.open("rb") as log:
            log.seek(max(0, self.log_path.stat().st_size - _TAIL_BYTES))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-_TAIL_LINES:])

    def check(self) -> None:
        """Raise `ChildFailed` if it has ended by itself."""
        code = self.exit_code()
        if code is not None:
            ending = f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
            raise ChildFailed(self._message(ending))

    async def wait_until(self, ready: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
        """Return once `ready` says so.

        Raises:
            ChildFailed: the child died first, or `within_s` seconds (wall time) were not enough.
        """

        async def ready_and_alive() -> bool:
            is_ready = await ready()
            self.check()
            return is_ready

        if not await _becomes_true(ready_and_alive, within_s):
            raise ChildFailed(self._message(f"was not ready within {within_s:g} s"))

    async def stop(self, *, grace_s: float = 10.0) -> int:
        """Ask it to end, kill it after `grace_s` seconds; return its exit code."""
        if self._process.poll() is None:
            self._process.terminate()

        async def ended() -> bool:
            return self._process.poll() is not None

        if not await _becomes_true(ended, grace_s):
            self._process.kill()
        return self.wait()

    def wait(self) -> int:
        """Block until it has ended; return its exit code."""
        return self._process.wait()

    def _message(self, what: str) -> str:
        tail = self.log_tail()
        return f"{self.name} {what}; the end of its log:\n{tail}" if tail else f"{self.name} {what}; its log is empty"


class ChildGroup:
    """Children with one fate and one temporary directory, which goes when they go. Use it with `async with`."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="stream-detector-"))
        self._children: list[ChildProcess] = []
        # -I and -S: isolated from the user's environment, and up in 10 ms
        self._watcher = subprocess.Popen(  # noqa: S603 - our own file and directory
            [sys.executable, "-I", "-S", watcher.__file__, str(self.directory)],
            stdin=subprocess.PIPE,
            cwd="/",
            process_group=0,
        )

    def start(self, name: str, command: Sequence[str], environ: Mapping[str, str] | None = None) -> ChildProcess:
        """Start `command` with its output in `NAME.log`; `environ` is added to our own environment."""
        log_path = self.directory / f"{name}.log"
        with log_path.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - the caller names a program of ours, no shell
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environ or {})},
                process_group=self._watcher.pid,
            )
        child = ChildProcess(name, process, log_path)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raise `ChildFailed` if any child that was not stopped has ended."""
        for child in self._children:
            child.check()

    async def drop(self, child: ChildProcess) -> int:
        """Stop one child before the others; return its exit code."""
        code = await child.stop()
        self._children.remove(child)
        return code

    async def stop(self) -> None:
        """End all, the youngest first, and remove the directory. Does nothing the second time."""
        try:
            while self._children:
                await self.drop(self._children[-1])
        finally:
            self._close()

    def _close(self) -> None:
        """Have the watcher kill what is left, also grandchildren, and itself."""
        if self._watcher.stdin is not None:
            self._watcher.stdin.close()
        self._watcher.wait()
        for child in self._children:
            child.wait()
        self._children.clear()
        shutil.rmtree(self.directory, ignore_errors=True)  # the watcher's fork may not be done yet

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
