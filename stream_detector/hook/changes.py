"""The last changes of the table, numbered, for those who keep a table of their own.

1. A *position* is `EPOCH.NUMBER`: all changes up to it are known. Positions of one epoch are comparable, others are not.
2. An epoch ends when the table is read anew: what vanished from the store is in no change. Then, and when a position is too
   old, whoever follows has to read the whole table again.
"""

import asyncio
import secrets
import sys
from collections import deque

from stream_detector.domain.decisions import Decision

_KEPT = 10_000


class ChangeLog:
    """Remembers the last changes.

    Args:
        kept: how many.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._changes: deque[Decision] = deque(maxlen=kept)
        self._grown = asyncio.Event()
        self._begin()

    def _begin(self) -> None:
        self._epoch = secrets.token_hex(4)  # no other process may continue it
        self._last = 0
        self._changes.clear()

    @property
    def position(self) -> str:
        """After the newest change."""
        return f"{self._epoch}.{self._last}"

    def add(self, decision: Decision) -> None:
        """Note a change."""
        self._changes.append(decision)
        self._last += 1
        self.wake()

    def restart(self) -> None:
        """The whole table was replaced."""
        self._begin()
        self.wake()

    def after(self, position: str, at_most: int = sys.maxsize) -> list[tuple[str, Decision]] | None:
        """Changes after a position, the oldest first, each with its own; None where the table has to be read again."""
        epoch, _, number = position.partition(".")
        if epoch != self._epoch or not (number.isascii() and number.isdigit()) or len(number) > len(str(self._last)):
            return None
        missing = self._last - int(number)
        if not 0 <= missing <= len(self._changes):
            return None
        first = len(self._changes) - missing
        return [
            (f"{epoch}.{self._last - missing + place + 1}", self._changes[first + place])
            for place in range(min(missing, at_most))
        ]

    async def beyond(self, position: str, timeout_s: float) -> bool:
        """Wait until there is more than this position; False when there is not within the time."""
        grown = self._grown
        if position != self.position:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await grown.wait()
        except TimeoutError:
            return False
        return True

    def wake(self) -> None:
        """End every wait."""
        self._grown.set()
        self._grown = asyncio.Event()
