"""The end of a worker whose broker does not answer any more."""

import asyncio
import multiprocessing
import os
import signal
from types import SimpleNamespace

import pytest

from stream_detector.stream import runner

_EVER_S = 3600.0


class _SilentBroker:
    """What the runner needs of a stream. It asks to be stopped as soon as it runs, and its group cannot be left."""

    def __init__(self, *, is_saved: bool) -> None:
        self.app = SimpleNamespace(start=self._start, stop=self._stop, crashed=False)
        self.delivery = SimpleNamespace(arrived=dict)
        self.committed = dict
        self._is_saved = is_saved

    async def release_all(self) -> None:
        await asyncio.sleep(0 if self._is_saved else _EVER_S)

    async def _start(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    async def _stop(self) -> None:
        await asyncio.sleep(_EVER_S)


def _work(*, is_saved: bool) -> None:
    stream = _SilentBroker(is_saved=is_saved)
    raise SystemExit(runner.run(runner.run_until_stopped(stream, grace_s=0.05, leave_s=0.05)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("is_saved", "exit_code"), [(True, 0), (False, 1)])
def test_the_exit_code_tells_whether_everything_was_saved_whether_or_not_the_group_was_left(
    *, is_saved: bool, exit_code: int
) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=_work, kwargs={"is_saved": is_saved})
    worker.start()
    worker.join()
    assert worker.exitcode == exit_code
