"""What 0.1 % means: the score that one honest client-day in a thousand exceeds.

A client-day is what an operator pays for: a client acted on for the rest of a day. So a rival's threshold is set on the
highest score of each honest client-day; days without any score count, as the lowest.
"""

import math

import numpy as np

from stream_detector.domain.calls import ApiCall

DAY_S = 86_400
SHARE = 0.001
"""Of honest client-days that may be acted on."""


class ClientDays:
    """The highest score of every honest client-day of the warm-up."""

    def __init__(self) -> None:
        self._highest: dict[tuple[str, int], float] = {}

    def take_in(self, call: ApiCall, score: float | None) -> None:
        """Note the score that a call led to; None where there was none."""
        key = (call.client, int(call.ts // DAY_S))
        value = -math.inf if score is None else score
        if value >= self._highest.get(key, -math.inf):
            self._highest[key] = value

    def limit(self) -> float:
        """The score that at most `SHARE` of the client-days exceeds; infinity if there are none."""
        if not self._highest:
            return math.inf
        highest = np.fromiter(self._highest.values(), float, len(self._highest))
        limit = float(np.quantile(highest, 1.0 - SHARE, method="higher"))
        return limit if limit > -math.inf else math.inf
