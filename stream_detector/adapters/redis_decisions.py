"""Standing decisions in Redis, and the channel that announces them.

To hold a copy that misses nothing, listen first and read then; the first item of `changes` says when:

    async with aclosing(store.changes()) as changes:
        await anext(changes)                     # None: the subscription stands
        table = await store.standing(now_s)      # what was announced before
        async for change in changes: ...         # what is announced after; some of it is in the table already
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from stream_detector.adapters.redis_keys import RedisKeys
from stream_detector.adapters.redis_link import Command, RedisLink, Script
from stream_detector.adapters.supersede import successors
from stream_detector.domain.decisions import Decision, Subject, SubjectKind
from stream_detector.ports import Stored
from stream_detector.wire import decisions as wire

_PING_EVERY_S = 0.5
_PATIENCE_S = 1.0
"""Silence after a PING that means that the connection is dead."""
_EXPIRED_KEPT_S = 86_400.0
"""A decision is removed this long after its expiry, so that a worker that lags behind by hours finds its offsets."""
_REMOVED_PER_PUT = 20
_PAGE = 1_000
_NO_ANSWER = f"no answer within {_PATIENCE_S} s"
_SUBSCRIBED_ANEW = "the connection broke and was made anew; announcements may have been missed"


class RedisDecisionStore:
    """Implements `ports.DecisionStore`."""

    def __init__(self, link: RedisLink, keys: RedisKeys) -> None:
        self._link = link
        self._keys = keys
        self._put = Script("put_decision")

    async def put(self, decisions: Sequence[Decision], now_s: float) -> list[Stored]:
        """Store and announce, all in one round trip.

        Returns:
            One answer per decision. Of several from one record about one subject the last is stored, and its answer is
            given for all.

        Raises:
            StoreUnavailable: no answer; any of them may have been stored, and is then REPLAYED the next time.
        """
        positions = successors(decisions)
        sent = sorted(set(positions))
        commands = [self._put_command(decisions[position], now_s) for position in sent]
        answers = await self._link.send_all(commands, f"store {len(commands)} decisions")
        taken = dict(zip(sent, map(Stored, answers), strict=True))
        return [taken[position] for position in positions]

    def _put_command(self, decision: Decision, now_s: float) -> Command:
        kind = decision.subject.kind
        source = decision.source
        return self._put.command(
            [self._keys.decisions(kind), self._keys.known(kind), self._keys.expiry(kind)],
            [
                decision.subject.key,
                wire.encode(decision),
                decision.expires_at,
                decision.origin,
                decision.action,
                source.partition if source else "",
                source.offset if source else "",
                now_s,
                now_s - _EXPIRED_KEPT_S,
                _REMOVED_PER_PUT,
                self._keys.announcements,
            ],
        )

    async def standing(self, now_s: float) -> list[Decision]:
        """Every decision that has not expired; read in pages, so that Redis stays free for others."""
        standing: dict[Subject, Decision] = {}
        for kind in SubjectKind:
            cursor = 0
            while True:
                command = ("HSCAN", self._keys.decisions(kind), cursor, "COUNT", _PAGE)
                cursor, page = await self._link.send(command, "read the standing decisions")
                standing.update((decision.subject, decision) for decision in map(wire.decode, page.values()))
                if cursor == 0:
                    break
        return [decision for decision in standing.values() if decision.expires_at > now_s]

    async def changes(self) -> AsyncGenerator[Decision | None, None]:
        """Decisions as they are announced, and None for every PING that Redis has answered.

        The first None says that the subscription stands: read `standing` after it, not before. Every later one says that
        all has been yielded that was announced before the PING.

        Raises:
            StoreUnavailable: the connection broke, or Redis has not answered for a second. Announcements may have been
                missed: call `changes` and `standing` again.
        """
        async with self._link.subscription(self._keys.announcements, "announce decisions") as pubsub:
            subscribed, answer_due, ping_at_s = False, True, 0.0
            clock_s = asyncio.get_running_loop().time
            while True:
                if not answer_due and clock_s() >= ping_at_s:
                    await pubsub.ping()
                    answer_due = True
                # Patience counts from here: what came in while the consumer was slow is read first.
                received = await pubsub.get_message(
                    timeout=_PATIENCE_S if answer_due else max(ping_at_s - clock_s(), 0)
                )
                if received is None:
                    if answer_due:
                        raise TimeoutError(_NO_ANSWER)
                elif received["type"] == "message":
                    yield wire.decode(received["data"])
                else:
                    if received["type"] == "subscribe" and subscribed:
                        raise ConnectionError(_SUBSCRIBED_ANEW)
                    subscribed, answer_due, ping_at_s = True, False, clock_s() + _PING_EVERY_S
                    yield None
