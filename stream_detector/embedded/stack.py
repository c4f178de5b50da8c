"""The embedded stack: broker and Redis-compatible server, started, proven to answer, and ended together."""

import contextlib
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from stream_detector.embedded import servers
from stream_detector.embedded.children import ChildFailed, ChildGroup

MEMORY_WARNING = (
    "The embedded broker and store keep everything in memory and forget it when they stop. "
    "They are for trying stream_detector out; run Apache Kafka and Redis for anything you want to keep."
)
_START_WITHIN_S = 20.0
_ATTEMPTS = 3


def free_port() -> int:
    """A port on the loopback address that nobody listens on right now; another process may take it meanwhile."""
    with socket.socket() as probe:
        probe.bind((servers.HOST, 0))
        port: int = probe.getsockname()[1]
    return port


class EmbeddedStack:
    """A Kafka broker and a Redis-compatible server that live as long as the `async with` block.

    Everything is kept in memory and forgotten at the end: for trying out only.
    """

    rebalance_timeout_s = 3.0
    """What Kafka consumers should ask of this broker: it always waits the whole time."""

    def __init__(self) -> None:
        self.children = ChildGroup()
        """Start your own processes in it: they end before the servers do."""
        self._broker_port = 0
        self._redis_port = 0

    @property
    def kafka(self) -> str:
        """Bootstrap server, `host:port`."""
        return f"{servers.HOST}:{self._broker_port}"

    @property
    def redis(self) -> str:
        """Redis URL."""
        return f"redis://{servers.HOST}:{self._redis_port}/0"

    async def __aenter__(self) -> Self:
        """Start both.

        Raises:
            ConfigError: a server is not installed.
            ChildFailed: a server did not start.
        """
        try:
            self._broker_port = await self._serve(servers.Broker)
            self._redis_port = await self._serve(servers.Store)
        except BaseException:
            await self.children.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.children.stop()

    async def _serve(self, server: Callable[[int], servers.Server]) -> int:
        """Start a server on a free port, and on another one if somebody was quicker; return the port."""
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(ChildFailed):
                return await self._try(server)
        return await self._try(server)

    async def _try(self, server: Callable[[int], servers.Server]) -> int:
        port = free_port()
        ours = server(port)
        child = self.children.start(ours.name, ours.command())
        try:
            await child.wait_until(lambda: ours.answers(child.pid), within_s=_START_WITHIN_S)
        except ChildFailed:
            await self.children.drop(child)
            raise
        return port
