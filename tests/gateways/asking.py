"""A gateway's side of the hook: plain HTTP/1.1 over a socket, so that nothing is tidied up on the way."""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from msgspec import Struct


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a coroutine function a test that pytest can call."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Reply(Struct, frozen=True):
    """One HTTP response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Gateway:
    """One kept-alive connection to the hook at 127.0.0.1:`port`."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()

    async def ask(self, client: str | None = None, path: str = "/check", method: str = "GET") -> Reply:
        """Send one question and read the answer."""
        field = "" if client is None else f"x-client-id: {client}\r\n"
        self._writer.write(f"{method} {path} HTTP/1.1\r\nhost: hook\r\n{field}\r\n".encode())
        return await self.read_reply(with_body=method != "HEAD")

    async def send(self, data: bytes) -> None:
        """Send bytes that need not be a whole request."""
        self._writer.write(data)
        await self._writer.drain()

    async def read_reply(self, *, with_body: bool = True) -> Reply:
        """Read one response."""
        async with asyncio.timeout(10):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("ascii")
            status_line, *fields = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
            length = int(headers.get("content-length", "0")) if with_body else 0
            return Reply(int(status_line.split()[1]), headers, await self._reader.readexactly(length))


async def hear(port: int, request: bytes) -> bytes:
    """Send bytes and return everything that comes back until the hook closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            writer.write(request)
            return await reader.read()
    finally:
        writer.close()


async def hang_up_after(port: int, data: bytes) -> None:
    """Send bytes that need not be HTTP, and close; the hook may have closed before."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def until(condition: Callable[[], Awaitable[bool]], what: str, within_s: float = 10.0) -> None:
    """Return as soon as `condition` holds; AssertionError naming `what` when it does not within the time."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"{what}: not within {within_s} s"
        await asyncio.sleep(0.01)
