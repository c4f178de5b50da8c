"""The decision feed over real HTTP, from a real Redis."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from gateways.asking import on_a_loop, until
from gateways.hooks import NOON_S, RecordingObserver, decision, options, ready_gateway, running_hook

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action, Decision, Limit, Origin
from stream_detector.hook import broadcast
from stream_detector.hook.broadcast import POSITION
from stream_detector.serving.rsgi import Responder

TOKEN = "a token that is long enough"  # noqa: S105
AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}


class Follower:
    """An enforcer with a table of its own."""

    def __init__(self, url: str, session: aiohttp.ClientSession, stores: RedisStores) -> None:
        self.url, self.session, self._stores = url, session, stores

    async def decide(self, *decisions: Decision) -> None:
        await self._stores.decisions.put(decisions, NOON_S)

    async def read(self, query: str = "") -> tuple[list[dict[str, Any]], str]:
        """Everything, or the changes after a position; and the position."""
        async with self.session.get(f"{self.url}/decisions{query}", headers=AUTHORIZED) as answer:
            assert answer.status == 200
            return [json.loads(line) for line in (await answer.read()).splitlines()], answer.headers[POSITION]

    async def until_known(self, count: int) -> None:
        async def known() -> bool:
            return len((await self.read())[0]) == count

        await until(known, f"the hook knows {count} decisions")


@contextlib.asynccontextmanager
async def follower(
    redis_url: str, *before: Decision, token: str = TOKEN, observer: RecordingObserver | None = None
) -> AsyncIterator[Follower]:
    async with (
        RedisStores(redis_url, prefix="sd", profile_ttl_s=3600.0) as stores,
        running_hook(
            stores.decisions, stores.limiter, hook_options=options(feed_token=token), observer=observer
        ) as port,
        aiohttp.ClientSession() as session,
    ):
        await stores.decisions.put(before, NOON_S)
        async with ready_gateway(port):
            yield Follower(f"http://127.0.0.1:{port}", session, stores)


async def events(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, str]]:
    """The next server-sent events, fewer when the stream ends; what has no data is none."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    async with asyncio.timeout(10):
        while len(found) < count and (line := (await answer.content.readline()).decode()):
            name, _, value = line.rstrip("\n").partition(": ")
            if line == "\n":
                found += [fields] if "data" in fields else []
                fields = {}
            elif name:
                fields[name] = value
    return found


@on_a_loop
async def test_everything_that_stands_is_read_and_then_the_changes(redis_url: str) -> None:
    limit = Limit(5, 60.0, 2, output_tokens=1000)
    async with follower(redis_url) as hook:
        await hook.decide(decision("alice"), decision("tom", Action.THROTTLE, limit=limit))
        await hook.until_known(2)
        orders, position = await hook.read()
        by_key = {order["key"]: order for order in orders}
        assert by_key["alice"] == {
            "kind": "client",
            "key": "alice",
            "action": "block",
            "mode": "enforce",
            "limit": None,
            "mark": "",
            "expires_at": NOON_S + 600,
        }
        assert by_key["tom"]["limit"]["output_tokens"] == 1000

        assert (await hook.read(f"?after={position}"))[0] == []
        await hook.decide(decision("alice", Action.ALLOW, origin=Origin.OPERATOR))

        async def changed() -> bool:
            return (await hook.read(f"?after={position}"))[0] != []

        await until(changed, "the hook tells the change")
        changes, later = await hook.read(f"?after={position}")
        assert [(order["key"], order["action"]) for order in changes] == [("alice", "allow")]
        assert later != position


@on_a_loop
async def test_a_big_table_is_read_whole(redis_url: str) -> None:
    async with follower(redis_url) as hook:
        await hook.decide(*(decision(f"client-{number}") for number in range(2_500)))
        await hook.until_known(2_500)
        assert {order["key"] for order in (await hook.read())[0]} == {f"client-{number}" for number in range(2_500)}


@on_a_loop
async def test_changes_are_pushed_within_a_second(redis_url: str) -> None:
    async with follower(redis_url) as hook:
        _, position = await hook.read()
        url = f"{hook.url}/decisions/stream?after={position}"
        async with hook.session.get(url, headers=AUTHORIZED) as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            for key in ("alice", "bob"):
                await hook.decide(decision(key))
                async with asyncio.timeout(1):
                    (event,) = await events(answer, 1)
                assert event["event"] == "decision"
                assert json.loads(event["data"])["key"] == key

        await hook.decide(decision("carol"))
        resumed = {**AUTHORIZED, "last-event-id": event["id"]}
        async with hook.session.get(f"{hook.url}/decisions/stream", headers=resumed) as answer:
            (event,) = await events(answer, 1)
            assert json.loads(event["data"])["key"] == "carol"


@on_a_loop
async def test_a_long_stream_ends_and_is_gone_on_with_from_its_last_event(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "_SLICE", 5)
    monkeypatch.setattr(broadcast, "_STREAM_BYTES", 1000)
    async with follower(redis_url) as hook:
        _, position = await hook.read()
        await hook.decide(*(decision(f"client-{number}") for number in range(50)))
        await hook.until_known(50)
        keys, streams = [], 0
        while len(keys) < 50:
            resumed = {**AUTHORIZED, "last-event-id": position}
            async with hook.session.get(f"{hook.url}/decisions/stream", headers=resumed) as answer:
                got = await events(answer, 50)
            keys += [json.loads(event["data"])["key"] for event in got]
            position, streams = got[-1]["id"], streams + 1
        assert streams > 4
        assert sorted(keys) == sorted(f"client-{number}" for number in range(50))


@on_a_loop
async def test_who_names_no_position_is_told_where_the_stream_begins(redis_url: str) -> None:
    async with follower(redis_url, decision("alice")) as hook:
        await hook.until_known(1)
        async with hook.session.get(f"{hook.url}/decisions/stream", headers=AUTHORIZED) as answer:
            first = (await answer.content.readuntil(b"\n\n")).decode()
        assert f"id: {(await hook.read())[1]}\n" in first


@on_a_loop
async def test_who_finds_no_seat_is_told_when_to_ask_again_and_then_finds_one(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "_MOST_STREAMS", 1)
    async with follower(redis_url) as hook:
        url = f"{hook.url}/decisions/stream"

        async def status() -> int:
            async with hook.session.get(url, headers=AUTHORIZED) as other:
                assert (other.status == 503) == ("retry-after" in other.headers)
                return other.status

        async with hook.session.get(url, headers=AUTHORIZED):
            assert await status() == 503
            assert (await hook.read())[0] == []

        async def found() -> bool:
            return await status() == 200

        await until(found, "the seat is free")


@on_a_loop
async def test_an_answer_that_nobody_reads_keeps_its_seat_until_the_connection_ends(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = RecordingObserver()
    async with follower(redis_url, observer=observer) as hook:
        ended = asyncio.Event()
        send = broadcast._send

        async def noting_the_end(page: broadcast._Page, responder: Responder) -> None:
            await send(page, responder)
            ended.set()

        async def much(_broadcast: broadcast.Broadcast, _position: str | None) -> AsyncIterator[bytes]:
            for _ in range(16):
                yield bytes(1 << 20)

        monkeypatch.setattr(broadcast, "_send", noting_the_end)
        monkeypatch.setattr(broadcast.Broadcast, "_stream", much)
        async with hook.session.get(f"{hook.url}/decisions/stream", headers=AUTHORIZED):
            await ended.wait()
            for _ in range(10):
                await hook.read()
            assert observer.feed_streams == 1

        async def gone() -> bool:
            return observer.feed_streams == 0

        await until(gone, "the seat is free")
        async with hook.session.get(f"{hook.url}/decisions/stream", headers=AUTHORIZED) as answer:
            assert len(await answer.read()) == 16 << 20
        await until(gone, "it is free when all is read, too")


@on_a_loop
async def test_who_comes_from_another_time_is_told_to_read_everything(redis_url: str) -> None:
    async with follower(redis_url) as hook:
        async with hook.session.get(f"{hook.url}/decisions?after=other.7", headers=AUTHORIZED) as answer:
            assert answer.status == 410
        async with hook.session.get(f"{hook.url}/decisions/stream?after=other.7", headers=AUTHORIZED) as answer:
            (event,) = await events(answer, 1)
            assert event["event"] == "reset"
            assert event["id"] == (await hook.read())[1]


@on_a_loop
async def test_a_stream_that_nobody_reads_does_not_keep_the_hook_from_ending(redis_url: str) -> None:
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as exits:
        async with follower(redis_url) as hook:
            answer = await exits.enter_async_context(session.get(f"{hook.url}/decisions/stream", headers=AUTHORIZED))
            assert answer.status == 200
        assert b"event" not in await answer.read()


@on_a_loop
async def test_streams_are_counted_while_they_are_open_and_so_is_every_answer(redis_url: str) -> None:
    observer = RecordingObserver()
    async with follower(redis_url, observer=observer) as hook:
        async with hook.session.get(f"{hook.url}/decisions/stream?after=other.7", headers=AUTHORIZED) as answer:
            await events(answer, 1)
            assert observer.feed_streams == 1

        async def gone() -> bool:
            return observer.feed_streams == 0

        await until(gone, "the stream is counted no more")
        async with hook.session.get(f"{hook.url}/decisions") as refused:
            assert refused.status == 401
    assert observer.feed_statuses == [200, 410, 401]


@pytest.mark.parametrize("given", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer "])
@pytest.mark.parametrize("path", ["/decisions", "/decisions?after=x.1", "/decisions/stream"])
@on_a_loop
async def test_without_the_token_nothing_is_told(redis_url: str, path: str, given: str | None) -> None:
    async with follower(redis_url, decision("alice")) as hook:
        headers = {} if given is None else {"authorization": given}
        async with hook.session.get(f"{hook.url}{path}", headers=headers) as answer:
            assert answer.status == 401
            assert "alice" not in await answer.text()


@on_a_loop
async def test_without_a_token_in_the_settings_there_is_no_feed(redis_url: str) -> None:
    async with follower(redis_url, decision("alice"), token="") as hook:
        for path in ("/decisions", "/decisions/stream"):
            async with hook.session.get(f"{hook.url}{path}", headers={"authorization": "Bearer "}) as answer:
                assert answer.status == 404
