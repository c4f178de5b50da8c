"""How long ago the table was last proven to equal the store."""

import math
from collections.abc import Callable


class Freshness:
    """Starts as never proven: a hook that has not reached the store knows nothing.

    Args:
        monotonic: seconds that never go back; their origin does not matter.
        stale_after_s: an older table does not count.
    """

    def __init__(self, monotonic: Callable[[], float], *, stale_after_s: float) -> None:
        self._monotonic = monotonic
        self._stale_after_s = stale_after_s
        self._proven_at = -math.inf

    def prove(self) -> None:
        """The table equals the store right now."""
        self._proven_at = self._monotonic()

    def age_s(self) -> float:
        """Seconds since the last proof; infinite before the first."""
        return self._monotonic() - self._proven_at

    def is_stale(self) -> bool:
        """The table is too old to be believed."""
        return self._monotonic() - self._proven_at > self._stale_after_s

    def ever_proven(self) -> bool:
        """The table was read from the store at least once."""
        return self._proven_at != -math.inf
