"""Reads the body of a request within bounds: of one body, packed and unpacked, and of all bodies that are being read."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol

from stream_detector.collector.replies import Refusal

_GZIP = 16 + zlib.MAX_WBITS
_RETRY = [("retry-after", "1")]
_BODIES_AT_ONCE = 8
"""Of the largest size; of smaller ones, more."""


class Chunks(Protocol):
    """The part of RSGI's protocol that gives the body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body, in the pieces in which it arrives."""


class BodyReader:
    """Reads bodies.

    Args:
        most_bytes: of one body, unpacked.
        within_s: a sender gets so long for its body.
    """

    def __init__(self, most_bytes: int, within_s: float = 60.0) -> None:
        self._most_bytes = most_bytes
        self._within_s = within_s
        self._free_bytes = _BODIES_AT_ONCE * most_bytes

    @contextmanager
    def room(self, length: str | None, encoding: str) -> Iterator[None]:
        """Keep room for a body while it is in memory.

        Raises:
            Refusal: it is too large (413), or there is no room now (503).
        """
        announced = int(length) if length is not None and length.isascii() and length.isdigit() else self._most_bytes
        if announced > self._most_bytes:
            raise self._too_large()
        needed_bytes = announced if encoding in {"", "identity"} else self._most_bytes
        if needed_bytes > self._free_bytes:
            message = "too many large bodies at once; send this one again"
            raise Refusal(503, message, _RETRY)
        self._free_bytes -= needed_bytes
        try:
            yield
        finally:
            self._free_bytes += needed_bytes

    async def read(self, chunks: Chunks, encoding: str) -> bytes:
        """The body, unpacked.

        Raises:
            Refusal: too slow (408), too large (413), packed in a way that is not known (415), or damaged (400).
        """
        try:
            async with asyncio.timeout(self._within_s):
                body = await self._gathered(chunks)
        except TimeoutError as error:
            message = f"the body must arrive within {self._within_s:.0f} s; send smaller batches"
            raise Refusal(408, message) from error
        if encoding in {"", "identity"}:
            return body
        if encoding != "gzip":
            message = f"content-encoding: must be gzip or identity, got {encoding[:40]!r}"
            raise Refusal(415, message)
        return self._unpacked(body)

    async def _gathered(self, chunks: Chunks) -> bytes:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > self._most_bytes:
                raise self._too_large()
        return bytes(body)

    def _unpacked(self, body: bytes) -> bytes:
        unpacked = bytearray()
        try:
            while body:
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
