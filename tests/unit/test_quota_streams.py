"""The quota service without a network: reports in, assignments out."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Self

import pytest
from envoy.service.rate_limit_quota.v3.rlqs_pb2 import RateLimitQuotaResponse, RateLimitQuotaUsageReports
from envoy.type.v3.ratelimit_strategy_pb2 import RateLimitStrategy
from gateways.asking import on_a_loop
from gateways.hooks import HandClock, HandTimer, decision

from stream_detector.domain.decisions import Action, Decision, Limit
from stream_detector.domain.identity import Evidence, Identity
from stream_detector.domain.verdicts import Failure
from stream_detector.hook.changes import ChangeLog
from stream_detector.hook.envoy import buckets, quota
from stream_detector.hook.envoy.buckets import Bucket, Connection, Holders
from stream_detector.hook.envoy.orders import Orders
from stream_detector.hook.envoy.quota import Quota
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.table import DecisionTable

TEN_AN_HOUR = Limit(requests=10, window_s=3600.0, burst=10)


class Bench:
    """The service with a table that tests change, and time that they move."""

    def __init__(self, *decisions: Decision, identity: Identity = Identity()) -> None:  # noqa: B008 - immutable
        self.timer, self.table, self.changes = HandTimer(), DecisionTable(), ChangeLog()
        freshness = Freshness(HandTimer(), stale_after_s=300.0)
        freshness.prove()
        for each in decisions:
            self.table.put(each)
        self.quota = Quota(
            orders=Orders(
                table=self.table,
                freshness=freshness,
                clock=HandClock(),
                failure=Failure.OPEN,
                unidentified=Failure.CLOSED,
            ),
            changes=self.changes,
            identity=identity,
            timer=self.timer,
        )

    def decide(self, made: Decision) -> None:
        """As the feed of decisions does."""
        self.table.put(made)
        self.changes.add(made)


class Envoy:
    """One Envoy; its stream is open while it is entered."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._reports: asyncio.Queue[RateLimitQuotaUsageReports | None] = asyncio.Queue()
        self._responses: asyncio.Queue[RateLimitQuotaResponse] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self.stream = asyncio.create_task(self._bench.quota.StreamRateLimitQuotas(self._sent(), self))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        await self.stream

    async def _sent(self) -> AsyncIterator[RateLimitQuotaUsageReports]:
        while (report := await self._reports.get()) is not None:
            yield report

    async def write(self, response: RateLimitQuotaResponse) -> None:
        self._responses.put_nowait(response)

    def peer(self) -> str:
        return "ipv4:192.0.2.1:5"

    def hang_up(self) -> None:
        self._reports.put_nowait(None)

    def report(self, *clients: str, calls: int = 1, **more: str) -> None:
        """Report a bucket of each client; `more` are further entries of their ids."""
        report = RateLimitQuotaUsageReports(domain="stream_detector")
        for client in clients:
            usage = report.bucket_quota_usages.add(num_requests_allowed=calls)
            usage.bucket_id.bucket.update({"client_id": client} | more)
        self._reports.put_nowait(report)

    async def told(self) -> dict[str, str]:
        """Client -> what the next response says of it: `allow`, `deny`, `abandon`, or a burst."""
        async with asyncio.timeout(5):
            response = await self._responses.get()
        return {each.bucket_id.bucket["client_id"]: in_short(each) for each in response.bucket_action}

    @property
    def reports_wait(self) -> bool:
        return not self._reports.empty()

    @property
    def is_told_nothing(self) -> bool:
        return self._responses.empty()


def in_short(action: RateLimitQuotaResponse.BucketAction) -> str:
    if action.HasField("abandon_action"):
        return "abandon"
    strategy = action.quota_assignment_action.rate_limit_strategy
    if strategy.HasField("token_bucket"):
        return str(strategy.token_bucket.max_tokens)
    return "allow" if strategy.blanket_rule == RateLimitStrategy.ALLOW_ALL else "deny"


@contextlib.asynccontextmanager
async def following(bench: Bench) -> AsyncIterator[None]:
    """The service hears of changes."""
    task = asyncio.create_task(bench.quota.follow())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@on_a_loop
async def test_a_report_is_answered_with_an_assignment_for_each_of_its_buckets() -> None:
    throttled = decision("tom", Action.THROTTLE, limit=TEN_AN_HOUR)
    async with Envoy(Bench(decision("mallory"), throttled)) as envoy:
        for _ in range(2):
            envoy.report("mallory", "tom", "carol")
            assert await envoy.told() == {"mallory": "deny", "tom": "10", "carol": "allow"}


@on_a_loop
async def test_a_change_is_sent_without_a_report_to_all_who_hold_the_client() -> None:
    bench = Bench()
    async with Envoy(bench) as first, Envoy(bench) as second, Envoy(bench) as third, following(bench):
        for envoy, client in ((first, "alice"), (second, "alice"), (third, "bob")):
            envoy.report(client)
            assert await envoy.told() == {client: "allow"}
        bench.decide(decision("alice"))
        assert (await first.told(), await second.told()) == ({"alice": "deny"}, {"alice": "deny"})
        bench.decide(decision("bob"))
        assert await third.told() == {"bob": "deny"}
        assert first.is_told_nothing


@on_a_loop
async def test_after_the_table_was_read_anew_everybody_is_told_what_stands() -> None:
    bench = Bench(decision("alice"))
    async with Envoy(bench) as envoy, following(bench):
        envoy.report("alice", "bob")
        assert await envoy.told() == {"alice": "deny", "bob": "allow"}
        bench.table.exchange(DecisionTable())
        bench.changes.restart()
        assert await envoy.told() == {"alice": "allow", "bob": "allow"}


@on_a_loop
async def test_a_limit_is_shared_by_all_buckets_of_the_client_and_comes_back() -> None:
    bench = Bench(decision("alice", Action.THROTTLE, limit=TEN_AN_HOUR))
    async with Envoy(bench) as first:
        first.report("alice")
        assert await first.told() == {"alice": "10"}
        async with Envoy(bench) as second:
            second.report("alice")
            assert (await second.told(), await first.told()) == ({"alice": "5"}, {"alice": "5"})
        assert await first.told() == {"alice": "10"}
        first.report("alice", route="other")
        assert await first.told() == {"alice": "5"}


@on_a_loop
async def test_a_bucket_that_is_not_used_is_abandoned_unless_its_client_is_limited() -> None:
    bench = Bench(decision("mallory"))
    async with Envoy(bench) as envoy:
        envoy.report("mallory", "idle", "busy")
        await envoy.told()
        bench.timer.time_s += 61
        envoy.report("mallory", "idle", calls=0)
        envoy.report("busy")
        assert await envoy.told() == {"mallory": "deny", "idle": "abandon", "busy": "allow"}
        envoy.report("idle")
        assert await envoy.told() == {"idle": "allow"}, "it is known anew"


@on_a_loop
async def test_a_bucket_that_is_in_no_report_any_more_leaves_its_share_to_the_others() -> None:
    bench = Bench(decision("alice", Action.THROTTLE, limit=TEN_AN_HOUR))
    async with Envoy(bench) as silent, Envoy(bench) as envoy:
        for each in (silent, envoy):
            each.report("alice")
            await each.told()
        assert await silent.told() == {"alice": "5"}
        bench.timer.time_s += 61
        silent.report("bob")
        assert await silent.told() == {"bob": "allow"}
        assert await envoy.told() == {"alice": "10"}


@on_a_loop
async def test_a_bucket_of_nobody_gets_what_the_setting_says() -> None:
    async with Envoy(Bench()) as envoy:
        envoy.report("nobody\n")
        assert await envoy.told() == {"nobody\n": "deny"}


@on_a_loop
async def test_a_client_is_known_as_the_identity_settings_say() -> None:
    identity = Identity(Evidence.KEY, salt=b"0123456789abcdef")
    client = identity.of("Bearer sk-1")
    assert client is not None
    async with Envoy(Bench(decision(client), identity=identity)) as envoy:
        envoy.report("Bearer sk-1", "Bearer sk-2")
        assert await envoy.told() == {"Bearer sk-1": "deny", "Bearer sk-2": "allow"}


@on_a_loop
async def test_more_buckets_than_are_remembered_are_still_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "_MAX_BUCKETS", 2)
    bench = Bench(decision("mallory"))
    async with Envoy(bench) as envoy:
        for _ in range(2):
            envoy.report("alice", "bob", "carol", "mallory")
            assert await envoy.told() == {"alice": "allow", "bob": "allow", "carol": "abandon", "mallory": "deny"}


@on_a_loop
async def test_it_is_said_once_that_an_envoy_has_more_buckets_than_are_remembered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(quota, "_MAX_BUCKETS", 2)
    caplog.set_level(logging.WARNING, logger=quota.__name__)
    async with Envoy(Bench()) as envoy:
        envoy.report("alice", "bob")
        await envoy.told()
        assert not caplog.records
        for client in ("carol", "dave"):
            envoy.report(client)
            await envoy.told()
    (said,) = caplog.records
    assert "192.0.2.1:5 reports more than 2 buckets" in said.getMessage()


@on_a_loop
async def test_an_envoy_that_leaves_costs_each_bucket_once_and_others_get_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(decision("alice", Action.THROTTLE, limit=TEN_AN_HOUR))
    turns, left_in, owed = 0, list[int](), list[Bucket]()
    leave, owe = Holders.leave, Connection.owe

    def leaves(holders: Holders, bucket: Bucket) -> None:
        left_in.append(turns)
        leave(holders, bucket)

    def owes(connection: Connection, bucket: Bucket) -> None:
        owed.append(bucket)
        owe(connection, bucket)

    async with Envoy(bench) as staying, Envoy(bench) as leaving:
        staying.report("alice")
        assert await staying.told() == {"alice": "10"}
        leaving.report(*(f"bob-{number}" for number in range(1000)))
        for number in range(1000):
            leaving.report("alice", route=str(number))
        while (await leaving.told()).get("alice") != "1" or leaving.reports_wait:
            pass
        monkeypatch.setattr(Holders, "leave", leaves)
        monkeypatch.setattr(Connection, "owe", owes)
        leaving.hang_up()
        async with asyncio.timeout(10):
            while not leaving.stream.done():
                await asyncio.sleep(0)
                turns += 1
        assert len(left_in) == 2000
        assert max(map(left_in.count, set(left_in))) <= quota._SLICE
        assert len(owed) <= 2000, "not everybody who stays, for each bucket that leaves"
        while await staying.told() != {"alice": "10"}:
            pass


@on_a_loop
async def test_what_waits_for_an_envoy_that_does_not_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_MOST_DUE", 2)
    async with Envoy(Bench()) as envoy:
        envoy.report("alice", "bob", "carol")
        assert await envoy.told() == {"alice": "allow", "bob": "allow"}
        envoy.report("carol")
        assert await envoy.told() == {"carol": "allow"}


@on_a_loop
async def test_many_buckets_are_answered_in_pieces() -> None:
    async with Envoy(Bench()) as envoy:
        envoy.report(*(f"client-{number}" for number in range(1000)))
        told: dict[str, str] = {}
        while len(told) < 1000:
            piece = await envoy.told()
            assert len(piece) < 1000
            told |= piece


@on_a_loop
async def test_closing_ends_every_stream_and_nothing_is_kept_of_it() -> None:
    bench = Bench()
    async with Envoy(bench) as first, Envoy(bench) as second:
        for envoy in (first, second):
            envoy.report("alice")
            await envoy.told()
        bench.quota.close()
        async with asyncio.timeout(5):
            await asyncio.gather(first.stream, second.stream)
        assert not bench.quota._holders
        assert not bench.quota._connections
