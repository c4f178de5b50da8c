"""Several pieces of work at the same time: what breaks in one of them ends them all, and is raised."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager

Work = Coroutine[object, object, object]


async def together(*work: Work) -> None:
    """Run until all have ended."""
    with _first_failure():
        async with asyncio.TaskGroup() as tasks:
            for each in work:
                tasks.create_task(each)


@asynccontextmanager
async def beside(*work: Work) -> AsyncIterator[None]:
    """Run while the block runs, and cancel then what is left."""
    with _first_failure():
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each) for each in work]
            yield
            for task in running:
                task.cancel()


@contextmanager
def _first_failure() -> Iterator[None]:
    try:
        yield
    except ExceptionGroup as failures:
        # One of them failed, the others were only cancelled.
        raise failures.exceptions[0] from None
