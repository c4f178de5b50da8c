"""Commands that travel together, over a link that answers when the test says so."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from gateways.asking import on_a_loop, until

from stream_detector.adapters.redis_companions import Companions
from stream_detector.adapters.redis_link import Command
from stream_detector.domain.errors import StoreUnavailable


class Link:
    """Takes round trips, and answers each with what the test gives it."""

    def __init__(self) -> None:
        self.trips: list[list[Command]] = []
        self.given_up = 0
        self._answers: asyncio.Queue[list[Any]] = asyncio.Queue()

    async def send(self, command: Command, doing: str) -> Any:  # noqa: ANN401, ARG002
        (answer,) = await self.send_each([command], "")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def send_each(self, commands: Sequence[Command], doing: str) -> list[Any]:  # noqa: ARG002
        self.trips.append(list(commands))
        try:
            return await self._answers.get()
        except asyncio.CancelledError:
            self.given_up += 1
            raise

    async def answer(self, *answers: object) -> None:
        """Answer a round trip, and let everybody hear of it."""
        self._answers.put_nowait(list(answers))
        await settle()


def companions_on(link: Link, *, within_s: float = 30.0, apart_s: float = 30.0) -> Companions:
    """Next to Redis, if nothing else is said: only the answer before lets a round trip go."""
    return Companions(link, "ask", within_s, apart_s)  # type: ignore[arg-type]


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def asked(companions: Companions, *names: str) -> list["asyncio.Task[Any]"]:
    tasks = [asyncio.create_task(companions.send((name,))) for name in names]
    await settle()
    return tasks


@on_a_loop
async def test_a_lone_command_goes_at_once_and_those_behind_it_go_together() -> None:
    link = Link()
    companions = companions_on(link)
    first, second, third = await asked(companions, "1", "2", "3")
    assert link.trips == [[("1",)]]

    await link.answer("one")
    assert link.trips == [[("1",)], [("2",), ("3",)]]
    await link.answer("two", "three")

    assert [first.result(), second.result(), third.result()] == ["one", "two", "three"]
    (fourth,) = await asked(companions, "4")
    await link.answer("four")
    assert fourth.result() == "four"
    assert link.trips[2:] == [[("4",)]]


@on_a_loop
async def test_an_error_reaches_only_the_command_that_it_belongs_to() -> None:
    link = Link()
    companions = companions_on(link)
    first, second, third = await asked(companions, "1", "2", "3")

    await link.answer(StoreUnavailable("first"))
    await link.answer("two", StoreUnavailable("third"))

    assert str(first.exception()) == "first"
    assert second.result() == "two"
    assert str(third.exception()) == "third"


@on_a_loop
async def test_a_command_that_was_given_up_before_it_left_is_not_sent() -> None:
    link = Link()
    companions = companions_on(link)
    first, second, third = await asked(companions, "1", "2", "3")
    second.cancel()
    await settle()

    await link.answer("one")
    await link.answer("three")

    assert link.trips == [[("1",)], [("3",)]]
    assert [first.result(), third.result()] == ["one", "three"]


@on_a_loop
async def test_giving_up_what_is_under_way_hinders_nobody_and_lets_the_connection_live() -> None:
    link = Link()
    companions = companions_on(link)
    first, second = await asked(companions, "1", "2")
    first.cancel()
    await settle()
    assert link.trips == [[("1",)]], "it is under way all the same"

    await link.answer("one")
    second.cancel()
    (third,) = await asked(companions, "3")
    await link.answer("two")
    await link.answer("three")

    assert third.result() == "three"
    assert link.given_up == 0


@on_a_loop
async def test_far_away_nobody_waits_for_the_answer_before() -> None:
    link = Link()
    companions = companions_on(link, apart_s=0.001)
    (first,) = await asked(companions, "1")
    second, third = await asked(companions, "2", "3")

    async def has_left() -> bool:
        return len(link.trips) == 2

    await until(has_left, "the next round trip leaves")
    assert link.trips == [[("1",)], [("2",), ("3",)]]
    await link.answer("one")
    await link.answer("two", "three")
    assert [first.result(), second.result(), third.result()] == ["one", "two", "three"]


@on_a_loop
async def test_those_who_do_not_fit_into_a_round_trip_leave_soon_after_it() -> None:
    link = Link()
    companions = companions_on(link, apart_s=0.001)
    tasks = await asked(companions, *map(str, range(300)))

    async def have_left() -> bool:
        return len(link.trips) == 3

    await until(have_left, "everybody leaves")
    assert [len(trip) for trip in link.trips] == [1, 256, 43]
    for trip in link.trips:
        await link.answer(*(name for (name,) in trip))
    assert [task.result() for task in tasks] == list(map(str, range(300)))


@on_a_loop
async def test_eight_round_trips_at_most_are_under_way_and_further_commands_go_with_the_next() -> None:
    link = Link()
    companions = companions_on(link, apart_s=0.0)
    tasks = await asked(companions, *map(str, range(8)))
    assert len(link.trips) == 8

    tasks += await asked(companions, "8", "9")
    assert len(link.trips) == 8
    await link.answer("zero")
    assert link.trips[8:] == [[("8",), ("9",)]]
    for number in range(1, 8):
        await link.answer(number)
    await link.answer("eight", "nine")
    assert [task.result() for task in tasks] == ["zero", *range(1, 8), "eight", "nine"]


@on_a_loop
async def test_connections_are_opened_ahead_and_a_redis_that_is_away_is_no_trouble() -> None:
    for answer in ("pong", StoreUnavailable("away")):
        link = Link()
        companions = companions_on(link)
        companions.prepare()
        await settle()
        assert link.trips == [[("PING",)]] * 8, "all at once"
        for _ in range(8):
            await link.answer(answer)

        (first,) = await asked(companions, "1")
        await link.answer("one")
        assert first.result() == "one"


@on_a_loop
async def test_nobody_waits_for_ever_when_a_round_trip_breaks() -> None:
    class Broken(Link):
        async def send_each(self, commands: Sequence[Command], doing: str) -> list[Any]:
            if self.trips:
                raise asyncio.CancelledError
            return await super().send_each(commands, doing)

    link = Broken()
    companions = companions_on(link)
    first, second = await asked(companions, "1", "2")
    await link.answer("one")

    assert first.result() == "one"
    with pytest.raises(StoreUnavailable, match="could not ask"):
        await second


@on_a_loop
async def test_a_round_trip_without_an_answer_holds_nobody_up_for_long() -> None:
    link = Link()
    companions = companions_on(link, within_s=0.01)
    first, second = await asked(companions, "1", "2")
    for lost in (first, second):
        with pytest.raises(StoreUnavailable, match="no answer within"):
            await lost

    patient = companions_on(link)
    (third,) = await asked(patient, "3")
    await link.answer("three")
    assert third.result() == "three"
    assert link.trips == [[("1",)], [("2",)], [("3",)]]
