"""A worker whose broker does not answer any more: `python silent_broker.py saved`, or `unsaved`."""

import asyncio
import os
import signal
import sys
from types import SimpleNamespace

from stream_detector.stream import runner

_EVER_S = 3600.0


class SilentBroker:
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


if __name__ == "__main__":
    stream = SilentBroker(is_saved=sys.argv[1] == "saved")
    sys.exit(runner.run(runner.run_until_stopped(stream, grace_s=0.05, leave_s=0.05)))  # type: ignore[arg-type]
