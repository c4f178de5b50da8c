"""`envoy.service.rate_limit_quota.v3.RateLimitQuotaService`: assignments that Envoy's quota filter is sent ahead of the calls.

1. Envoy keeps a bucket for each client, reports a new one at once and all of them every five seconds, and enforces what it was
   assigned. No call waits for the hook; the first one of a client passes before there is an assignment, if the filter's
   `no_assignment_behavior` allows.
2. A report is answered with an assignment for each of its buckets, which renews it. A change of the table is sent at once.
3. The bucket entry `client_id` says whose calls it holds. All buckets of a client share its limit (`buckets`).
4. A bucket that was not used for a minute, and whose client may pass, is abandoned: Envoy forgets no bucket by itself.
5. What waits for an Envoy that reads slowly is bounded: each of its buckets waits once, and gets what stands when it is sent.

Source: Envoy's `api/envoy/service/rate_limit_quota/v3/rlqs.proto`.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from itertools import count
from typing import Final, Never, Protocol, TypeAlias

from envoy.service.rate_limit_quota.v3.rlqs_pb2 import RateLimitQuotaResponse, RateLimitQuotaUsageReports
from google.protobuf.message import DecodeError

from stream_detector.domain.decisions import Limit, SubjectKind
from stream_detector.domain.identity import Identity
from stream_detector.hook.changes import ChangeLog
from stream_detector.hook.envoy.buckets import Bucket, Connection, Holders
from stream_detector.hook.envoy.orders import Blanket, BucketAction, Orders, abandoned, assigned
from stream_detector.serving.background import beside

_IDLE_S: Final = 60.0
_SILENT_S: Final = 60.0
"""A bucket that is in no report any more is not held any more."""
_MAX_BUCKETS: Final = 100_000
"""Of one stream that are remembered, which takes 70 MB; further ones are answered, and share no limit."""
_SLICE: Final = 200
"""Buckets that are handled before others get their turn: 2 ms."""
_HEARTBEAT_S: Final = 1.0
_log = logging.getLogger(__name__)

Usage: TypeAlias = RateLimitQuotaUsageReports.BucketQuotaUsage


class Line(Protocol):
    """The part of gRPC's context that is used."""

    def write(self, response: RateLimitQuotaResponse) -> Awaitable[None]:
        """Send a response; waits while the other side reads slowly."""

    def peer(self) -> str:
        """Address of the other side."""


class Quota:
    """The service.

    Args:
        orders: say what stands.
        changes: of the table; followed while `follow` runs.
        identity: makes a client id of the bucket's `client_id`.
        timer: seconds that never go back.
    """

    def __init__(self, *, orders: Orders, changes: ChangeLog, identity: Identity, timer: Callable[[], float]) -> None:
        self._orders = orders
        self._changes = changes
        self._identity = identity
        self._timer = timer
        self._connections: set[Connection] = set()
        self._holders: dict[str | None, Holders] = {}

    async def StreamRateLimitQuotas(  # noqa: N802 - gRPC's name
        self, reports: AsyncIterable[RateLimitQuotaUsageReports], line: Line
    ) -> None:
        """Answer one Envoy until it, or `close`, ends the stream."""
        connection = Connection(line.peer())
        self._connections.add(connection)
        _log.info("Envoy at %s follows quotas", connection.peer)
        try:
            async with beside(self._read(reports, connection)):
                while due := await connection.due(_SLICE):
                    await line.write(self._response(due))
        finally:
            self._connections.discard(connection)
            await self._forget(connection, silent_since_s=math.inf)
            _log.info("Envoy at %s follows quotas no more", connection.peer)

    async def follow(self) -> Never:
        """Send what changes in the table until cancelled."""
        position = self._changes.position
        while True:
            found = self._changes.after(position)
            if found is None:
                position = self._changes.position
                await self._owe(list(self._holders))
            elif found:
                position = found[-1][0]
                subjects = (decision.subject for _, decision in found)
                await self._owe(dict.fromkeys(each.key for each in subjects if each.kind is SubjectKind.CLIENT))
            else:
                await self._changes.beyond(position, _HEARTBEAT_S)

    def close(self) -> None:
        """End every stream."""
        for connection in self._connections:
            connection.close()

    async def _owe(self, clients: Iterable[str | None]) -> None:
        owed = 0
        for client in clients:
            if client in self._holders:
                owed += self._holders[client].owe()
            if owed >= _SLICE:
                owed = 0
                await asyncio.sleep(0)

    async def _read(self, reports: AsyncIterable[RateLimitQuotaUsageReports], connection: Connection) -> None:
        try:
            async for report in reports:
                for number, usage in enumerate(report.bucket_quota_usages, start=1):
                    self._take(connection, usage)
                    if number % _SLICE == 0:
                        await asyncio.sleep(0)
                await self._forget(connection, silent_since_s=self._timer() - _SILENT_S)
        except DecodeError as error:
            _log.info("a report cannot be read (%s): its stream ends", error)
        connection.close()

    def _take(self, connection: Connection, usage: Usage) -> None:
        entries = usage.bucket_id.bucket
        key = tuple(sorted(entries.items()))
        calls, now_s = usage.num_requests_allowed + usage.num_requests_denied, self._timer()
        bucket = connection.buckets.get(key)
        if bucket is not None:
            connection.buckets.move_to_end(key)
        else:
            bucket = Bucket(key, self._identity.of(entries.get("client_id")), connection, now_s)
            self._remember(bucket)
        bucket.reported(calls, now_s)
        connection.owe(bucket)

    def _remember(self, bucket: Bucket) -> None:
        connection = bucket.connection
        if len(connection.buckets) < _MAX_BUCKETS:
            connection.buckets[bucket.key] = bucket
            self._holders.setdefault(bucket.client, Holders()).join(bucket)
        elif not connection.is_overfull:
            connection.is_overfull = True
            _log.warning(
                "Envoy at %s reports more than %d buckets: further ones share no limit with others; "
                "let bucket_id_builder name the client only, or spread clients over more Envoys",
                connection.peer,
                _MAX_BUCKETS,
            )

    def _response(self, due: list[Bucket]) -> RateLimitQuotaResponse:
        return RateLimitQuotaResponse(bucket_action=[self._action(bucket, self._timer()) for bucket in due])

    def _action(self, bucket: Bucket, now_s: float) -> BucketAction:
        order = self._orders.of(bucket.client)
        is_held = bucket.key in bucket.connection.buckets
        if order is Blanket.ALLOW and (not is_held or now_s - bucket.last_use_s > _IDLE_S):
            self._drop(bucket)
            return abandoned(bucket.id())
        if isinstance(order, Limit) and is_held:
            share = self._holders[bucket.client].share_of(bucket, order.window_s, now_s)
            return assigned(bucket.id(), order, share)
        return assigned(bucket.id(), order, 1.0)

    async def _forget(self, connection: Connection, *, silent_since_s: float) -> None:
        """Drop the buckets that were not reported since then."""
        left: dict[Holders, None] = {}
        for number in count(1):
            bucket = next(iter(connection.buckets.values()), None)
            if bucket is None or bucket.last_report_s >= silent_since_s:
                break
            left[self._holders[bucket.client]] = None
            self._drop(bucket)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        for holders in left:
            holders.owe_one()

    def _drop(self, bucket: Bucket) -> None:
        if bucket.connection.buckets.pop(bucket.key, None) is None:
            return
        holders = self._holders[bucket.client]
        holders.leave(bucket)
        if not holders:
            del self._holders[bucket.client]
