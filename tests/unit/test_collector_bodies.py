"""Bodies are read within bounds."""

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from gateways.asking import on_a_loop
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.collector.bodies import BodyReader, Chunks, Pace
from stream_detector.collector.replies import Refusal
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.errors import RejectReason
from stream_detector.wire.sources import call_lines
from stream_detector.wire.sources.events import MOST_DOCUMENTS, Discretion


class _Pieces:
    """A body that arrives in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class _Endless:
    """A body that does not arrive."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


class _Arriving:
    """A body that arrives as a test says."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def put(self, piece: bytes | None) -> None:
        """Return once it was taken; None ends the body."""
        self._pieces.put_nowait(piece)
        await self._pieces.join()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece
            self._pieces.task_done()  # whoever reads has come for the next one
        self._pieces.task_done()


class _Trickle:
    """A body of which a byte arrives as often as the loop turns."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"a"


async def _read(reader: BodyReader, chunks: Chunks, encoding: str = "", length: str | None = None) -> bytes:
    with reader.room() as room:
        return await reader.read(chunks, room, length=length, encoding=encoding)


async def _status(reader: BodyReader, chunks: Chunks, encoding: str = "", length: str | None = None) -> int:
    with pytest.raises(Refusal) as raised:
        await _read(reader, chunks, encoding, length)
    return raised.value.status


@on_a_loop
async def test_a_body_is_put_together_and_unpacked() -> None:
    reader, packed = BodyReader(100), gzip.compress(b"one") + gzip.compress(b"two")
    assert await _read(reader, _Pieces(b"a", b"bc")) == b"abc"
    assert await _read(reader, _Pieces(packed[:7], packed[7:]), "gzip") == b"onetwo"
    assert await _read(reader, _Pieces(), "gzip") == b""


@on_a_loop
async def test_a_bomb_is_refused_without_unpacking_it_all() -> None:
    assert await _status(BodyReader(10_000), _Pieces(gzip.compress(b"\0" * 5_000_000)), "gzip") == 413


@on_a_loop
async def test_a_hundred_members_of_gzip_are_unpacked_and_more_are_refused() -> None:
    member = gzip.compress(b"a")
    assert await _read(BodyReader(10_000), _Pieces(member * 100), "gzip") == b"a" * 100
    assert await _status(BodyReader(10_000), _Pieces(member * 101), "gzip") == 400


@on_a_loop
async def test_the_loop_is_free_while_a_body_is_unpacked() -> None:
    with ThreadPoolExecutor(1) as executor:
        may_unpack = threading.Event()
        executor.submit(may_unpack.wait)
        reader = BodyReader(100, executor=executor)
        unpacking = asyncio.create_task(_read(reader, _Pieces(gzip.compress(b"one")), "gzip"))
        try:
            assert await _read(reader, _Pieces(b"two")) == b"two"
            assert not unpacking.done()
        finally:
            may_unpack.set()
        assert await unpacking == b"one"


@on_a_loop
async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    assert await _status(BodyReader(100, pace=Pace(grace_s=0.01)), _Endless()) == 408
    assert await _status(BodyReader(100, pace=Pace(within_s=0.01)), _Endless()) == 408


@on_a_loop
async def test_a_body_that_trickles_is_given_up() -> None:
    pace = Pace(grace_s=0.01, bytes_per_s=1_000_000_000_000)
    assert await _status(BodyReader(1_000_000_000, pace=pace), _Trickle()) == 408


@on_a_loop
async def test_nobody_rests_on_what_was_sent_at_once() -> None:
    class Resting:
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"a" * 1000
            await asyncio.Event().wait()

    assert await _status(BodyReader(10_000, pace=Pace(grace_s=0.01, bytes_per_s=1, within_s=1e9)), Resting()) == 408


@on_a_loop
async def test_a_body_that_keeps_the_pace_may_take_longer_than_the_grace() -> None:
    class Steady:
        async def __aiter__(self) -> AsyncIterator[bytes]:
            begun_s = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() < begun_s + 0.4:
                await asyncio.sleep(0)
                yield b"a"

    assert await _read(BodyReader(1_000_000_000, pace=Pace(grace_s=0.2, bytes_per_s=1)), Steady())


@on_a_loop
async def test_idle_senders_keep_no_room_from_others() -> None:
    reader, size = BodyReader(100), 100
    arriving = [_Arriving() for _ in range(8)]
    idle = [asyncio.create_task(_read(reader, each, length=str(size))) for each in arriving]
    for each in arriving:
        await each.put(b"{")
    assert await _read(reader, _Pieces(b"a" * 90)) == b"a" * 90
    for each in arriving:
        await each.put(None)
    assert await asyncio.gather(*idle) == [b"{"] * 8


@on_a_loop
async def test_room_is_for_eight_of_the_largest_and_free_again_afterwards() -> None:
    reader, full = BodyReader(100), b"a" * 100
    arriving = [_Arriving() for _ in range(8)]
    reading = [asyncio.create_task(_read(reader, each)) for each in arriving]
    for each in arriving:
        await each.put(full)
    with pytest.raises(Refusal) as raised:
        await _read(reader, _Pieces(b"a"))
    assert (raised.value.status, raised.value.headers) == (503, [("retry-after", "1")])
    assert await _read(reader, _Pieces()) == b""
    await arriving[0].put(None)
    assert await reading[0] == full
    assert await _read(reader, _Pieces(full)) == full
    assert await _status(reader, _Pieces(gzip.compress(b"a")), "gzip") == 503
    for each in arriving[1:]:
        await each.put(None)
    await asyncio.gather(*reading)
    assert await _read(reader, _Pieces(gzip.compress(b"a")), "gzip") == b"a"


@given(length=st.none() | st.text(max_size=30) | st.integers().map(str), encoding=st.sampled_from(["", "gzip"]))
def test_any_length_that_a_header_may_say_is_answered(length: str | None, encoding: str) -> None:
    try:
        assert asyncio.run(_read(BodyReader(100), _Pieces(), encoding, length)) == b""
    except Refusal as refusal:
        assert refusal.status == 413  # noqa: PT017 - it need not be raised


@given(body=st.binary(max_size=300))
def test_any_bytes_that_claim_to_be_gzip_are_answered(body: bytes) -> None:
    try:
        assert len(asyncio.run(_read(BodyReader(1000), _Pieces(b"\x1f\x8b" + body), "gzip"))) <= 1000
    except Refusal as refusal:
        assert refusal.status in {400, 413}  # noqa: PT017 - it need not be raised


def test_more_documents_than_fit_into_memory_are_refused_as_one() -> None:
    found = call_lines.read(b"1\n" * (MOST_DOCUMENTS + 1), Discretion(Sketcher(b"salt").sketch))
    assert (found.unreadable, len(found.refused)) == (True, 1)
    assert found.refused[0].error.reason is RejectReason.TOO_LARGE
