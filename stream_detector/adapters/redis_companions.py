"""Commands that travel together: what is asked while an answer is under way goes in one round trip after it.

A round trip costs the event loop about 80 us, a command in the company of seven others 30 us, and a lone command waits for
nobody. For questions that many callers ask at the same time, each of which can be given up.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from stream_detector.adapters.redis_link import Command, RedisLink
from stream_detector.domain.errors import StoreUnavailable

_MOST_TOGETHER = 256
"""One after the other in Redis, which takes about 20 us for each."""

_Waiting = tuple[Command, "asyncio.Future[Any]"]


class Companions:
    """Sends commands of one kind. Belongs to the event loop on which it is used first.

    Args:
        link: carries them.
        doing: what they are for, as in "Redis could not ...".
        within_s: longest duration of a round trip.
    """

    def __init__(self, link: RedisLink, doing: str, within_s: float) -> None:
        self._link = link
        self._doing = doing
        self._within_s = within_s
        self._waiting: list[_Waiting] = []
        self._is_under_way = False
        self._carrier: asyncio.Task[None] | None = None

    async def send(self, command: Command) -> Any:  # noqa: ANN401 - Redis answers anything
        """Send a command; one whose caller gives up before it is on its way is not sent.

        Raises:
            StoreUnavailable: no answer, or an error. The command may have taken effect all the same.
        """
        if self._is_under_way:
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._waiting.append((command, answer))
            return await answer
        self._is_under_way = True
        try:
            (found,) = await self._answers([command])
            if isinstance(found, StoreUnavailable):
                raise found
            return found
        finally:
            if self._waiting:
                self._carrier = asyncio.create_task(self._carry())
            else:
                self._is_under_way = False

    async def _carry(self) -> None:
        batch: list[_Waiting] = []
        try:
            while self._waiting:
                batch = [each for each in self._waiting[:_MOST_TOGETHER] if not each[1].done()]
                del self._waiting[:_MOST_TOGETHER]
                _hand_out(batch, await self._answers([command for command, _ in batch]))
        finally:
            self._is_under_way = False
            message = f"Redis could not {self._doing}: the round trip was given up; ask again"
            without_answer = [answer for _, answer in batch + self._waiting if not answer.done()]
            self._waiting.clear()
            for answer in without_answer:
                answer.set_exception(StoreUnavailable(message))

    async def _answers(self, commands: Sequence[Command]) -> list[Any]:
        try:
            async with asyncio.timeout(self._within_s):
                return await self._link.send_each(commands, self._doing)
        except TimeoutError:
            message = (
                f"Redis could not {self._doing}: no answer within {self._within_s:g} s; check its load and the network"
            )
            return [StoreUnavailable(message) for _ in commands]


def _hand_out(batch: list[_Waiting], found: list[Any]) -> None:
    for (_, answer), each in zip(batch, found, strict=True):
        if answer.done():  # given up meanwhile
            continue
        if isinstance(each, StoreUnavailable):
            answer.set_exception(each)
        else:
            answer.set_result(each)
