"""Buckets that Envoys hold, by client: who enforces which share of one limit.

1. A client's limit is divided evenly when another bucket begins or ends to hold it, and after each window by what was asked of
   each.
2. Envoy begins a changed limit with a full burst. So shares follow use no more often than once in a window, nor by little.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice
from typing import Final, TypeVar

from envoy.service.rate_limit_quota.v3.rlqs_pb2 import BucketId

_SHORTEST_WINDOW_S: Final = 60.0
_NOTABLE: Final = 0.1
"""A change of a share."""
_MOST_DUE: Final = 200_000
"""Buckets of one Envoy that wait for an assignment, 140 MB: those that are not reported any more wait, too."""

Holder = TypeVar("Holder")

Key = tuple[tuple[str, str], ...]
"""The entries of a bucket's id, sorted."""


class Connection:
    """One Envoy: what it holds, and what it waits for.

    Args:
        peer: its address.
    """

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.buckets: OrderedDict[Key, Bucket] = OrderedDict()
        """The one that was reported longest ago comes first."""
        self.is_overfull = False
        """It has reported more buckets than are remembered."""
        self.is_closed = False
        self._due: dict[Key, Bucket] = {}
        self._woken = asyncio.Event()

    def owe(self, bucket: "Bucket") -> None:
        """The bucket needs an assignment; where too many wait, it gets one with its next report."""
        if len(self._due) < _MOST_DUE or bucket.key in self._due:
            self._due[bucket.key] = bucket
            self._woken.set()

    def close(self) -> None:
        """Nothing more will be sent."""
        self.is_closed = True
        self._woken.set()

    async def due(self, at_most: int) -> "list[Bucket]":
        """Wait for buckets that need an assignment, and take them; none when it was closed."""
        while not self._due and not self.is_closed:
            self._woken.clear()
            await self._woken.wait()
        if self.is_closed:
            return []
        return [self._due.pop(key) for key in list(islice(self._due, at_most))]


class Bucket:
    """Calls of one client in one Envoy.

    Args:
        key: what identifies it in its Envoy.
        client: whose calls; None for calls that name no client.
        connection: to its Envoy.
        now_s: seconds that never go back.
    """

    __slots__ = ("asked", "client", "connection", "key", "last_report_s", "last_use_s", "share")

    def __init__(self, key: Key, client: str | None, connection: Connection, now_s: float) -> None:
        self.key = key
        self.client = client
        self.connection = connection
        self.asked = 0
        """Calls since the limit was divided."""
        self.share = 1.0
        """Of the client's limit."""
        self.last_use_s = self.last_report_s = now_s

    def reported(self, calls: int, now_s: float) -> None:
        """Its Envoy was asked about so many calls since the last report."""
        self.last_report_s = now_s
        if calls:
            self.asked += calls
            self.last_use_s = now_s

    def id(self) -> BucketId:
        """As Envoy knows it."""
        return BucketId(bucket=dict(self.key))


class Holders:
    """All buckets of one client."""

    __slots__ = ("_buckets", "_divided_at_s", "_is_regrouped")

    def __init__(self) -> None:
        self._buckets: dict[Bucket, None] = {}
        self._divided_at_s = 0.0
        self._is_regrouped = True

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def join(self, bucket: Bucket) -> None:
        """One more holds the client's calls."""
        self._buckets[bucket] = None
        self._is_regrouped = True

    def leave(self, bucket: Bucket) -> None:
        """One less does; `owe_one` when no more will leave."""
        self._buckets.pop(bucket, None)
        self._is_regrouped = True

    def owe_one(self) -> None:
        """One of them needs an assignment, and its share then tells the others theirs."""
        for each in islice(self._buckets, 1):
            each.connection.owe(each)

    def owe(self) -> int:
        """All of them need an assignment; says how many they are."""
        for each in self._buckets:
            each.connection.owe(each)
        return len(self._buckets)

    def share_of(self, bucket: Bucket, window_s: float, now_s: float) -> float:
        """Its share of the client's limit now; the others are owed an assignment if theirs have changed.

        Args:
            bucket: one of them.
            window_s: of the limit.
            now_s: seconds that never go back.
        """
        if self._is_regrouped:
            self._divide(dict.fromkeys(self._buckets, 1 / len(self._buckets)), bucket, now_s)
        elif now_s - self._divided_at_s >= max(window_s, _SHORTEST_WINDOW_S):
            shares = by_use({each: each.asked for each in self._buckets})
            is_notable = any(abs(share - each.share) >= _NOTABLE for each, share in shares.items())
            self._divide(shares if is_notable else {}, bucket, now_s)
        return bucket.share

    def _divide(self, shares: Mapping[Bucket, float], told: Bucket, now_s: float) -> None:
        self._is_regrouped = False
        self._divided_at_s = now_s
        for each in self._buckets:
            each.asked = 0
        for each, share in shares.items():
            if each.share != share:
                each.share = share
                if each is not told:
                    each.connection.owe(each)


def by_use(asked: Mapping[Holder, int]) -> dict[Holder, float]:
    """Shares of one limit; they add up to 1, and nobody gets nothing.

    Args:
        asked: calls that each was asked about.
    """
    whole = sum(asked.values()) + len(asked)
    return {each: (calls + 1) / whole for each, calls in asked.items()}
