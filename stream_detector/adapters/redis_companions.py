"""Commands that travel together: what is asked while an answer is under way leaves in one round trip, a little later.

A round trip costs the event loop about 80 us, a command in the company of seven others 30 us, and a lone command waits for
nobody. The next round trip leaves when the one before is back, or `apart_s` after it on a connection of its own: so an answer
takes hardly longer than Redis does, however far away it is. For questions that many callers ask at the same time, each of
which can be given up; the connection is used again all the same, because a new one takes several round trips.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from stream_detector.adapters.redis_link import Command, RedisLink
from stream_detector.domain.errors import StoreUnavailable

_MOST_TOGETHER = 256
"""One after the other in Redis, which takes about 20 us for each."""
_MOST_TRIPS = 8
"""Under way at once, each on a connection of its own."""
_APART_S = 0.002

_Waiting = tuple[Command, "asyncio.Future[Any]"]


class Companions:
    """Sends commands of one kind. Belongs to the event loop on which it is used first.

    Args:
        link: carries them.
        doing: what they are for, as in "Redis could not ...".
        within_s: longest duration of a round trip.
        apart_s: least time between two of them, while the one before is under way: longer than a round trip to a Redis
            nearby, short beside the patience of callers.
    """

    def __init__(self, link: RedisLink, doing: str, within_s: float, apart_s: float = _APART_S) -> None:
        self._link = link
        self._doing = doing
        self._within_s = within_s
        self._apart_s = apart_s
        self._waiting: list[_Waiting] = []
        self._trips: set[asyncio.Task[None]] = set()
        self._left_s = 0.0
        self._took_s = 0.0
        """The last round trip: so far away is Redis. The next ones are spread over it."""
        self._alarm: asyncio.TimerHandle | None = None
        self._preparation: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Begin to open the connections that are needed where Redis is far away."""
        self._preparation = asyncio.create_task(self._prepare())

    async def send(self, command: Command) -> Any:  # noqa: ANN401 - Redis answers anything
        """Send a command; one whose caller gives up before it is on its way is not sent.

        Raises:
            StoreUnavailable: no answer, or an error. The command may have taken effect all the same.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if self._alarm is None:
            self._go_on()
        return await answer

    def _go_on(self) -> None:
        """Let those who wait leave, or see to it that they will."""
        self._alarm = None
        if not self._waiting or len(self._trips) >= _MOST_TRIPS:
            return
        loop = asyncio.get_running_loop()
        now_s, leave_s = loop.time(), self._left_s + max(self._apart_s, self._took_s / _MOST_TRIPS)
        if self._trips and now_s < leave_s:
            self._alarm = loop.call_at(leave_s, self._go_on)
            return
        batch = [each for each in self._waiting[:_MOST_TOGETHER] if not each[1].done()]
        del self._waiting[:_MOST_TOGETHER]
        self._left_s = now_s
        trip = asyncio.create_task(self._carry(batch))
        self._trips.add(trip)
        trip.add_done_callback(self._arrived)
        self._go_on()  # for those who did not fit

    def _arrived(self, trip: "asyncio.Task[None]") -> None:
        self._trips.discard(trip)
        if self._alarm is not None:
            self._alarm.cancel()
        self._go_on()

    async def _carry(self, batch: list[_Waiting]) -> None:
        try:
            _hand_out(batch, await self._answers([command for command, _ in batch]))
        finally:
            message = f"Redis could not {self._doing}: the round trip was given up; ask again"
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(StoreUnavailable(message))

    async def _answers(self, commands: Sequence[Command]) -> list[Any]:
        loop = asyncio.get_running_loop()
        left_s = loop.time()
        try:
            async with asyncio.timeout(self._within_s):
                found = await self._link.send_each(commands, self._doing)
        except TimeoutError:
            message = (
                f"Redis could not {self._doing}: no answer within {self._within_s:g} s; check its load and the network"
            )
            return [StoreUnavailable(message) for _ in commands]
        self._took_s = loop.time() - left_s
        return found

    async def _prepare(self) -> None:
        with contextlib.suppress(StoreUnavailable):  # who asks will hear of it
            await asyncio.gather(*(self._link.send(("PING",), "answer") for _ in range(_MOST_TRIPS)))


def _hand_out(batch: list[_Waiting], found: list[Any]) -> None:
    for (_, answer), each in zip(batch, found, strict=True):
        if answer.done():  # given up meanwhile
            continue
        if isinstance(each, StoreUnavailable):
            answer.set_exception(each)
        else:
            answer.set_result(each)
