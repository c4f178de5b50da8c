"""Whatever arrives at the hook's port, the hook goes on answering its neighbours."""

import random

import pytest
from gateways.asking import Gateway, hang_up_after, hear, on_a_loop
from gateways.hooks import RecordingObserver, decision, hook_with

from stream_detector.domain.verdicts import Cause

_GARBAGE = {
    "nothing": b"",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 30,
    "zeros": b"\0" * 5000,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no header end": b"GET /check HTTP/1.1\r\nhost: a\r\nx-client-id: alice",
    "1 MB path": b"GET /check/" + b"a" * 1_000_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    "1 MB header": b"GET /check HTTP/1.1\r\nx-client-id: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "5000 headers": b"GET /check HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
    "connect": b"CONNECT elsewhere:443 HTTP/1.1\r\nhost: a\r\n\r\n",
    "missing body": b"POST /check HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nabc",
}
_REQUESTS = {
    "version 9.9": (b"GET /check HTTP/9.9\r\nhost: a\r\n\r\n", 400),
    "bytes in the path": (b"GET /check/\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "two lengths": (b"POST /check HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
    "negative length": (b"POST /check HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n", 400),
    "70 KB path": (b"GET /check/" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414),
    "60 KB path": (b"GET /check/" + b"a" * 60_000 + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 200),
    "escapes": (b"GET /check/%00%ff%zz/%e2%80%ae HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 200),
    "star": (b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 404),
    "HTTP/1.0": (b"GET /check HTTP/1.0\r\n\r\n", 200),
    "unknown method": (b"BREW /check HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 200),
    "websocket": (
        (
            b"GET /check HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
        200,
    ),
}
_VALID = b"POST /check/v1/chat HTTP/1.1\r\nhost: hook\r\nx-client-id: alice\r\ncontent-length: 2\r\n\r\n{}"


async def assert_unharmed(gateway: Gateway) -> None:
    """The kept-alive neighbour and a new connection are answered as ever."""
    assert (await gateway.ask("alice")).status == 403
    async with Gateway(gateway.port) as fresh:
        assert (await fresh.ask("bob")).status == 200


@pytest.mark.parametrize("name", list(_GARBAGE))
@on_a_loop
async def test_garbage_harms_nobody(name: str) -> None:
    async with hook_with(decision("alice")) as gateway:
        await hang_up_after(gateway.port, _GARBAGE[name])
        await assert_unharmed(gateway)


@pytest.mark.parametrize("name", list(_REQUESTS))
@on_a_loop
async def test_an_odd_request_gets_an_answer_and_harms_nobody(name: str) -> None:
    request, status = _REQUESTS[name]
    async with hook_with(decision("alice")) as gateway:
        answered = await hear(gateway.port, request)
        await assert_unharmed(gateway)

    assert int(answered.split()[1]) == status


@on_a_loop
async def test_three_hundred_damaged_requests_harm_nobody() -> None:
    chance = random.Random(20260921)
    async with hook_with(decision("alice")) as gateway:
        for _ in range(300):
            damaged = bytearray(_VALID)
            for _ in range(chance.randrange(1, 12)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            await hang_up_after(gateway.port, bytes(damaged[: chance.randrange(1, len(damaged) + 1)]))
        await assert_unharmed(gateway)


@pytest.mark.parametrize(
    ("field", "cause"),
    [
        (b"", Cause.UNIDENTIFIED),
        (b"x-client-id:\r\n", Cause.UNIDENTIFIED),
        (b"x-client-id: \t \r\n", Cause.UNIDENTIFIED),
        (b"x-client-id: caf\xc3\xa9\r\n", Cause.UNIDENTIFIED),
        (b"x-client-id: caf\xe9\r\n", Cause.UNIDENTIFIED),
        (b"x-client-id: a\r\nX-Client-Id: b\r\n", Cause.UNIDENTIFIED),
        (b"X-CLIENT-ID:   a b  \r\n", Cause.NO_DECISION),
    ],
)
@on_a_loop
async def test_a_client_header_is_one_id_in_ascii_or_the_call_is_unidentified(field: bytes, cause: Cause) -> None:
    observer = RecordingObserver()
    async with hook_with(observer=observer) as gateway:
        await hear(gateway.port, b"GET /check HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + field + b"\r\n")

    assert [verdict.cause for verdict in observer.verdicts] == [cause]


@pytest.mark.parametrize("values", [(b"alice", b"caf\xe9"), (b"caf\xe9", b"alice")])
@on_a_loop
async def test_a_second_client_header_outside_ascii_cannot_be_noticed_as_the_docs_say(
    values: tuple[bytes, ...],
) -> None:
    fields = b"".join(b"x-client-id: " + value + b"\r\n" for value in values)
    async with hook_with(decision("alice")) as gateway:
        answered = await hear(
            gateway.port, b"GET /check HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + fields + b"\r\n"
        )

    assert int(answered.split()[1]) == 403


@on_a_loop
async def test_a_body_is_not_taken_for_the_next_question() -> None:
    body = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"
    question = b"POST /check HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body)
    last = b"GET /nowhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    async with hook_with() as gateway:
        answered = await hear(gateway.port, question + body + last)

    assert [part[:3] for part in answered.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404"]


@on_a_loop
async def test_an_answer_to_head_has_no_body() -> None:
    async with hook_with(decision("alice")) as gateway:
        first = await gateway.ask("alice", method="HEAD")
        second = await gateway.ask("bob")

    assert (first.status, first.body, second.status) == (403, b"", 200)
