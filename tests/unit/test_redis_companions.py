"""Commands that travel together, over a link that answers when the test says so."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from gateways.asking import on_a_loop

from stream_detector.adapters.redis_companions import Companions
from stream_detector.adapters.redis_link import Command
from stream_detector.domain.errors import StoreUnavailable


class Link:
    """Takes round trips, and answers each with what the test gives it."""

    def __init__(self) -> None:
        self.trips: list[list[Command]] = []
        self._answers: asyncio.Queue[list[Any]] = asyncio.Queue()

    async def send(self, command: Command, doing: str) -> Any:  # noqa: ANN401, ARG002
        (answer,) = await self.send_each([command], "")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def send_each(self, commands: Sequence[Command], doing: str) -> list[Any]:  # noqa: ARG002
        self.trips.append(list(commands))
        return await self._answers.get()

    async def answer(self, *answers: object) -> None:
        """Answer a round trip, and let everybody hear of it."""
        self._answers.put_nowait(list(answers))
        await settle()


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
    companions = Companions(link, "ask", within_s=30.0)  # type: ignore[arg-type]
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
    companions = Companions(link, "ask", within_s=30.0)  # type: ignore[arg-type]
    first, second, third = await asked(companions, "1", "2", "3")

    await link.answer(StoreUnavailable("first"))
    await link.answer("two", StoreUnavailable("third"))

    assert str(first.exception()) == "first"
    assert second.result() == "two"
    assert str(third.exception()) == "third"


@on_a_loop
async def test_a_command_that_was_given_up_before_it_left_is_not_sent() -> None:
    link = Link()
    companions = Companions(link, "ask", within_s=30.0)  # type: ignore[arg-type]
    first, second, third = await asked(companions, "1", "2", "3")
    second.cancel()
    await settle()

    await link.answer("one")
    await link.answer("three")

    assert link.trips == [[("1",)], [("3",)]]
    assert [first.result(), third.result()] == ["one", "three"]


@on_a_loop
async def test_giving_up_what_is_under_way_hinders_nobody() -> None:
    link = Link()
    companions = Companions(link, "ask", within_s=30.0)  # type: ignore[arg-type]
    first, second = await asked(companions, "1", "2")
    first.cancel()
    await settle()
    assert link.trips == [[("1",)], [("2",)]]

    second.cancel()
    (third,) = await asked(companions, "3")
    await link.answer("two")
    await link.answer("three")

    assert third.result() == "three"


@on_a_loop
async def test_nobody_waits_for_ever_when_a_round_trip_breaks() -> None:
    class Broken(Link):
        async def send_each(self, commands: Sequence[Command], doing: str) -> list[Any]:
            if self.trips:
                raise asyncio.CancelledError
            return await super().send_each(commands, doing)

    link = Broken()
    companions = Companions(link, "ask", within_s=30.0)  # type: ignore[arg-type]
    first, second = await asked(companions, "1", "2")
    await link.answer("one")

    assert first.result() == "one"
    with pytest.raises(StoreUnavailable, match="could not ask"):
        await second


@on_a_loop
async def test_a_round_trip_without_an_answer_holds_nobody_up_for_long() -> None:
    link = Link()
    companions = Companions(link, "ask", within_s=0.01)  # type: ignore[arg-type]
    first, second = await asked(companions, "1", "2")
    for lost in (first, second):
        with pytest.raises(StoreUnavailable, match="no answer within"):
            await lost

    patient = Companions(link, "ask", within_s=30.0)  # type: ignore[arg-type]
    (third,) = await asked(patient, "3")
    await link.answer("three")
    assert third.result() == "three"
    assert link.trips == [[("1",)], [("2",)], [("3",)]]
