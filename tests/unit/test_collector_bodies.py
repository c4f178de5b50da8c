"""Bodies are read within bounds."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from gateways.asking import on_a_loop
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.collector.bodies import BodyReader
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


@on_a_loop
async def test_a_body_is_put_together_and_unpacked() -> None:
    reader, packed = BodyReader(100), gzip.compress(b"one") + gzip.compress(b"two")
    assert await reader.read(_Pieces(b"a", b"bc"), "") == b"abc"
    assert await reader.read(_Pieces(packed[:7], packed[7:]), "gzip") == b"onetwo"


@on_a_loop
async def test_a_bomb_is_refused_without_unpacking_it_all() -> None:
    with pytest.raises(Refusal) as raised:
        await BodyReader(10_000).read(_Pieces(gzip.compress(b"\0" * 5_000_000)), "gzip")
    assert raised.value.status == 413


@on_a_loop
async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    with pytest.raises(Refusal) as raised:
        await BodyReader(100, within_s=0.01).read(_Endless(), "")
    assert raised.value.status == 408


def test_room_is_for_eight_of_the_largest_and_free_again_afterwards() -> None:
    reader = BodyReader(100)
    rooms = [reader.room(None, "gzip") for _ in range(8)]
    for room in rooms:
        room.__enter__()
    with pytest.raises(Refusal) as raised, reader.room("1", ""):
        pass
    assert (raised.value.status, raised.value.headers) == (503, [("retry-after", "1")])
    rooms[0].__exit__(None, None, None)
    with reader.room("100", ""):
        pass


@given(length=st.none() | st.text(max_size=30) | st.integers().map(str), encoding=st.sampled_from(["", "gzip"]))
def test_any_length_that_a_header_may_say_is_answered(length: str | None, encoding: str) -> None:
    reader = BodyReader(100)
    try:
        with reader.room(length, encoding):
            pass
    except Refusal as refusal:
        assert refusal.status == 413  # noqa: PT017 - it need not be raised


@given(body=st.binary(max_size=300))
def test_any_bytes_that_claim_to_be_gzip_are_answered(body: bytes) -> None:
    try:
        assert len(asyncio.run(BodyReader(1000).read(_Pieces(b"\x1f\x8b" + body), "gzip"))) <= 1000
    except Refusal as refusal:
        assert refusal.status in {400, 413}  # noqa: PT017 - it need not be raised


def test_more_documents_than_fit_into_memory_are_refused_as_one() -> None:
    found = call_lines.read(b"1\n" * (MOST_DOCUMENTS + 1), Discretion(Sketcher(b"salt").sketch))
    assert (found.unreadable, len(found.refused)) == (True, 1)
    assert found.refused[0].error.reason is RejectReason.TOO_LARGE
