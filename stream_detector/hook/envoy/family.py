"""Several processes that answer Envoy on one port: their parent starts them, hears what they counted, and ends them.

1. A process and its parent share a socket. When it closes, the other one is gone: a process without a parent ends. What a
   process says while it ends is heard.
2. A process that ends is started anew after a second. One that ends before it ever listened would do so again, so the parent
   ends, too; what the process said last tells why.
3. Processes are spawned, not forked: gRPC has threads.
"""

import asyncio
import logging
import multiprocessing
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Never, Protocol

from stream_detector.domain.errors import StreamDetectorError
from stream_detector.hook.envoy.reports import MAX_LINE_BYTES, ParentObserver, take
from stream_detector.hook.seen import Report
from stream_detector.serving.background import together

_AGAIN_AFTER_S = 1.0
_END_WITHIN_S = 10.0
_log = logging.getLogger(__name__)

Main = Callable[[socket.socket], None]
"""What a process runs, with its end of the socket; can be pickled."""


class FamilyObserver(ParentObserver, Protocol):
    """Hears of the processes, too."""

    def grpc_listening(self, processes: int) -> None:
        """So many processes listen."""

    def grpc_ended(self) -> None:
        """A process that listened has ended, and is started anew."""


class FamilyEnded(StreamDetectorError):
    """A process could not begin to listen."""


class Family:
    """The processes.

    Args:
        main: what each of them runs.
        size: how many.
        observer: hears what they tell.
        report: takes the calls that they were asked about; None for nobody.
    """

    def __init__(self, main: Main, size: int, observer: FamilyObserver, report: Report | None = None) -> None:
        self._main = main
        self._size = size
        self._observer = observer
        self._report = report
        self._listening = 0

    async def run(self) -> None:
        """Keep the processes running until cancelled.

        Raises:
            FamilyEnded: one of them could not begin to listen.
        """
        await together(*(self._keep(number) for number in range(1, self._size + 1)))

    async def _keep(self, number: int) -> Never:
        name = f"gRPC process {number} of {self._size}"
        while True:
            code = await self._live(name)
            self._observer.grpc_ended()
            _log.error("%s ended with code %s; it is started anew in %.0f s", name, code, _AGAIN_AFTER_S)
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _live(self, name: str) -> int | None:
        """From the start of a process to its end."""
        ours, theirs = socket.socketpair()
        process = multiprocessing.get_context("spawn").Process(
            target=self._main, args=(theirs,), name=name, daemon=True
        )
        with theirs:
            process.start()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE_BYTES)
        try:
            listened = await self._hear(name, reader)
        finally:
            if not writer.is_closing():
                writer.write_eof()
            await _join(process)
            await self._take_in(reader)
            writer.close()
        if not listened:
            message = f"{name} ended with code {process.exitcode} before it listened; the lines above say why"
            raise FamilyEnded(message)
        return process.exitcode

    async def _hear(self, name: str, reader: asyncio.StreamReader) -> bool:
        """Until the process is gone; whether it ever listened."""
        listened = False
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                if not listened:
                    listened = True
                    self._count_listening(1)
                    _log.info("%s listens", name)
                take(line, self._observer, self._report)
        finally:
            self._count_listening(-listened)
        return listened

    async def _take_in(self, reader: asyncio.StreamReader) -> None:
        """What a process that has ended said last."""
        while (line := await reader.readline()).endswith(b"\n"):
            take(line, self._observer, self._report)

    def _count_listening(self, more: int) -> None:
        self._listening += more
        self._observer.grpc_listening(self._listening)


async def _join(process: BaseProcess) -> None:
    """Wait for the end of a process that was told to end, then make it."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(process.sentinel, ended.set)
    try:
        async with asyncio.timeout(_END_WITHIN_S):
            await ended.wait()
    except TimeoutError:
        process.kill()
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
