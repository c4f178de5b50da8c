"""River's half-space trees per key: is this request unlike the key's own recent ones?

Idea: random axis-parallel trees count how many of the last window's requests fell into each half; few is odd.
Source: Tan, Ting, Liu, "Fast anomaly detection for streaming data" (IJCAI 2011), as in `river.anomaly.HalfSpaceTrees`.
Parameters: River's defaults: 10 trees of height 8, windows of 250. Of a request: tokens in and out, gap, temperature,
    distinct words and symbols, each on a fixed scale from 0 to 1, as the trees expect.
Changed: one score of a single request is 1.0 for any lonely value, so that no threshold below certainty fits the budget; we
    alarm on its moving average over 20. A key's trees take 170 KB and 40 us a call: they are built when the first window
    is complete (before, River's score is 0 by design), and after that see every eighth call of the key.

A key that did nothing but extract from its first day on is, to its own trees, perfectly normal.
"""

import math
from collections.abc import Sequence

from river import anomaly

from stream_detector.domain.calls import ApiCall
from stream_detector.quality.rivals.budget import DAY_S, ClientDays

WINDOW = 250
"""Requests; River's default."""
EVERY = 8
"""After the first window, so many calls are represented by one."""
SMOOTHED_OVER = 20
_SEED = 1
_MOST_TOKENS = 200_000
_HIGHEST_TEMPERATURE = 2.0

Request = dict[str, float]


class HalfSpaceTrees:
    """One model per key; acts when a key's smoothed score exceeds that of honest client-days."""

    name = "half_space_trees"

    def __init__(self) -> None:
        self.limit = math.inf
        """Smoothed score, 0 to 1; set by `calibrate`."""
        self._keys: dict[str, _Key] = {}

    def calibrate(self, calls: Sequence[ApiCall]) -> None:
        """Learn the honest keys, and set the limit at the 99.9th percentile of their days."""
        days = ClientDays()
        for call in calls:
            days.take_in(call, self._score(call))
        self.limit = days.limit()

    def observe(self, call: ApiCall) -> bool:
        """True if the key's recent requests are unlike those of its last window."""
        score = self._score(call)
        return score is not None and score > self.limit

    def _score(self, call: ApiCall) -> float | None:
        key = self._keys.get(call.client)
        if key is None:
            key = self._keys[call.client] = _Key(call.ts)
        return key.score(call)


class _Key:
    """Trees of one key, and the smoothed score."""

    __slots__ = ("_first", "_level", "_scored", "_seen", "_trees", "_ts")

    def __init__(self, ts: float) -> None:
        self._first: list[Request] = []
        self._trees: anomaly.HalfSpaceTrees | None = None
        self._level = 0.0
        self._scored = 0
        self._seen = 0
        self._ts = ts

    def score(self, call: ApiCall) -> float | None:
        """The score before the call is learned; None until there are enough, and for calls that are left out."""
        gap_s, self._ts = call.ts - self._ts, call.ts
        self._seen += 1
        if self._trees is None:
            self._first.append(_request(call, gap_s))
            if len(self._first) == WINDOW:
                self._build()
            return None
        if self._seen % EVERY:
            return None
        request = _request(call, gap_s)
        self._scored += 1
        self._level += (self._trees.score_one(request) - self._level) / min(self._scored, SMOOTHED_OVER)
        self._trees.learn_one(request)
        return self._level if self._scored >= SMOOTHED_OVER else None

    def _build(self) -> None:
        self._trees = anomaly.HalfSpaceTrees(window_size=WINDOW, seed=_SEED)
        for request in self._first:
            self._trees.learn_one(request)
        self._first = []


def _request(call: ApiCall, gap_s: float) -> Request:
    params, sketch = call.params, call.sketch
    temperature = params.temperature if params is not None and params.temperature is not None else 1.0
    return {
        "input": _log_share(call.input_tokens or 0, _MOST_TOKENS),
        "output": _log_share(call.output_tokens or 0, _MOST_TOKENS),
        "gap": _log_share(max(0.0, gap_s), DAY_S),
        "temperature": min(1.0, temperature / _HIGHEST_TEMPERATURE),
        "distinct": sketch.distinct_ratio if sketch is not None else 0.0,
        "symbols": sketch.symbol_ratio if sketch is not None else 0.0,
    }


def _log_share(value: float, most: float) -> float:
    return min(1.0, math.log1p(value) / math.log1p(most))
