"""Reads the body of a request within bounds: of one body, packed and unpacked, of all together, and of time."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Protocol

from msgspec import Struct

from stream_detector.collector.replies import Refusal

_GZIP = 16 + zlib.MAX_WBITS
_MOST_MEMBERS = 100
"""Of one gzip body: each costs a copy of all that follow."""
_RETRY = [("retry-after", "1")]
_BODIES_AT_ONCE = 8
"""Of the largest size; of smaller ones, more."""
_PLAIN = frozenset({"", "identity"})


class Pace(Struct, frozen=True):
    """How fast a body must arrive, so that idle senders keep no room from others."""

    grace_s: float = 5.0
    """So far a sender may fall behind."""
    bytes_per_s: int = 16_384
    within_s: float = 60.0
    """All of it."""


class Room(Struct):
    """What one body holds of the memory that all share."""

    held_bytes: int = 0


class Chunks(Protocol):
    """The part of RSGI's protocol that gives the body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body, in the pieces in which it arrives."""


class BodyReader:
    """Reads bodies.

    Args:
        most_bytes: of one body, unpacked.
        pace: of senders.
        executor: unpacks; None for threads of the event loop.
    """

    def __init__(self, most_bytes: int, *, pace: Pace | None = None, executor: Executor | None = None) -> None:
        self._most_bytes = most_bytes
        self._pace = pace or Pace()
        self._executor = executor
        self._free_bytes = _BODIES_AT_ONCE * most_bytes

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Room for one body, while it is in memory; it grows as the body arrives."""
        room = Room()
        try:
            yield room
        finally:
            self._free_bytes += room.held_bytes

    async def read(self, chunks: Chunks, room: Room, *, length: str | None = None, encoding: str = "") -> bytes:
        """The body, unpacked.

        Args:
            chunks: give it.
            room: holds it.
            length: what the sender says, as it says it.
            encoding: `gzip`, `identity` or nothing.

        Raises:
            Refusal: too slow (408), too large (413), packed in a way that is not known (415), damaged (400), or there is
                no room now (503).
        """
        if encoding not in _PLAIN | {"gzip"}:
            message = f"content-encoding: must be gzip or identity, got {encoding[:40]!r}"
            raise Refusal(415, message)
        if length is not None and length.isascii() and length.isdigit() and int(length) > self._most_bytes:
            raise self._too_large()
        body = await self._gathered(chunks, room)
        if encoding in _PLAIN:
            return body
        self._hold(room, len(body) + self._most_bytes)
        unpacked = await asyncio.get_running_loop().run_in_executor(self._executor, self._unpacked, body)
        self._hold(room, len(unpacked))
        return unpacked

    def _hold(self, room: Room, size_bytes: int) -> None:
        more_bytes = size_bytes - room.held_bytes
        if more_bytes > self._free_bytes:
            message = "too many large bodies at once; send this one again"
            raise Refusal(503, message, _RETRY)
        self._free_bytes -= more_bytes
        room.held_bytes = size_bytes

    async def _gathered(self, chunks: Chunks, room: Room) -> bytes:
        body, pace = bytearray(), self._pace
        clock_s = asyncio.get_running_loop().time
        end_s, until_s = clock_s() + pace.within_s, clock_s() + pace.grace_s
        try:
            async with asyncio.timeout_at(min(end_s, until_s)) as patience:
                async for chunk in chunks:
                    if len(body) + len(chunk) > self._most_bytes:
                        raise self._too_large()
                    self._hold(room, len(body) + len(chunk))
                    body += chunk
                    # Capped, so that nobody sends much at once and rests on it.
                    until_s = min(until_s + len(chunk) / pace.bytes_per_s, clock_s() + pace.grace_s)
                    patience.reschedule(min(end_s, until_s))
        except TimeoutError as error:
            message = (
                f"the body must arrive at {pace.bytes_per_s} bytes a second, with no pause above {pace.grace_s:.0f} s, "
                f"and within {pace.within_s:.0f} s; send smaller batches"
            )
            raise Refusal(408, message) from error
        return bytes(body)

    def _unpacked(self, body: bytes) -> bytes:
        unpacked, members = bytearray(), 0
        try:
            while body:
                members += 1
                if members > _MOST_MEMBERS:
                    message = f"the body has more than {_MOST_MEMBERS} members of gzip; pack it as a whole"
                    raise Refusal(400, message)
                stream = zlib.decompressobj(_GZIP)
                unpacked += stream.decompress(body, self._most_bytes + 1 - len(unpacked))
                if len(unpacked) > self._most_bytes:
                    raise self._too_large()
                if not stream.eof:
                    message = "the body is not complete gzip; send it again in full"
                    raise Refusal(400, message)
                body = stream.unused_data
        except zlib.error as error:
            message = f"the body is not gzip ({error}); pack it, or leave content-encoding out"
            raise Refusal(400, message) from error
        return bytes(unpacked)

    def _too_large(self) -> Refusal:
        message = f"the body must be at most {self._most_bytes} bytes, unpacked; send smaller batches"
        return Refusal(413, message)
