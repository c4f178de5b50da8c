"""The whole collector in one process: HTTP server and writer on one event loop.

More collectors are more processes; halves of one call must reach the same one.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol

from stream_detector.collector.http import CollectorApp
from stream_detector.collector.writer import Writer


class Serve(Protocol):
    """Serves an application until told to stop, then finishes the open requests (`serving.server.serve`)."""

    def __call__(self, app: CollectorApp, *, stop: asyncio.Event) -> Awaitable[None]:
        """Raises `ConfigError` where nothing can be listened on."""


async def run(app: CollectorApp, writer: Writer, serve: Serve, stop: asyncio.Event) -> None:
    """Collect until `stop` is set; then answer the open requests, and write the halves that wait.

    Raises:
        ConfigError: host and port cannot be listened on.
        StoreUnavailable: Kafka did not take the halves that waited.
    """
    writing = asyncio.create_task(writer.run())
    serving = asyncio.ensure_future(serve(app, stop=stop))
    try:
        await asyncio.wait({writing, serving}, return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            stop.set()
        await serving
    finally:
        if writing.done():
            await writing
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
    await writer.finish()
