"""How many answers of the decision feed may be on their way at the same time.

The HTTP server takes all that it is given, keeps it until the other side reads it, and does not say how much that is. But
the end of a connection can be told to close with its answer is a sign that all was read, or will never be. So an answer that
may be long has a seat until then.
"""

import logging
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Seats:
    """Counts those who read.

    Args:
        most: of them.
        readers: what they are called in the log.
        heard: is told of each change of their number.
    """

    def __init__(self, most: int, readers: str, heard: Callable[[int], None] = lambda _taken: None) -> None:
        self._most = most
        self._readers = readers
        self._heard = heard
        self._taken = 0
        self._is_said = False

    def take(self) -> bool:
        """One more reads, if there is a seat."""
        if self._taken >= self._most:
            if not self._is_said:
                self._is_said = True
                _log.warning(
                    "the decision feed has %d %s, and refuses more: end those that do not read, or ask another hook",
                    self._taken,
                    self._readers,
                )
            return False
        self._change(1)
        return True

    def leave(self) -> None:
        """One of them has read everything, or has gone."""
        self._change(-1)
        self._is_said = self._is_said and self._taken > self._most // 2

    def _change(self, more: int) -> None:
        self._taken += more
        self._heard(self._taken)
