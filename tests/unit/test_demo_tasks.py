"""Work that a signal ends in order, and work that has company."""

import asyncio
import os
import signal

import pytest

from stream_detector.demo.tasks import alongside, interruptible
from stream_detector.embedded import ChildFailed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_work_and_lets_it_clean_up(number: signal.Signals) -> None:
    steps = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    assert asyncio.run(interruptible(work())) == number
    assert steps == ["cleaned up"]


def test_work_that_ends_by_itself_was_not_interrupted_and_leaves_the_signals_as_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    async def work() -> None:
        await asyncio.sleep(0)

    assert asyncio.run(interruptible(work())) is None
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_signal_ends_work_that_does_not_end() -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(600)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(600)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interruptible(work()))


def test_an_error_of_the_work_is_raised() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        message = "on purpose"
        raise ValueError(message)

    with pytest.raises(ValueError, match="on purpose"):
        asyncio.run(interruptible(work()))


async def _for_ever() -> None:
    await asyncio.sleep(600)


def test_company_ends_with_the_block() -> None:
    async def scenario() -> str:
        async with alongside(_for_ever(), _for_ever()):
            await asyncio.sleep(0)
        return "done"

    assert asyncio.run(asyncio.wait_for(scenario(), 10)) == "done"


def test_company_that_fails_ends_the_block_with_its_own_error() -> None:
    async def die() -> None:
        await asyncio.sleep(0)
        message = "worker ended"
        raise ChildFailed(message)

    async def scenario() -> None:
        async with alongside(_for_ever(), die()):
            try:
                await asyncio.sleep(600)
            finally:
                message = "a consequence"
                raise OSError(message)

    with pytest.raises(ChildFailed, match="worker ended"):
        asyncio.run(asyncio.wait_for(scenario(), 10))
