"""How long at one place: the stays of a sender that moves as a whole, in turn and not side by side."""

from msgspec import Struct, field

from stream_detector.detection.windows.distinct import SlidingDistinct

DAY_S = 86_400.0
STAY_CALLS = 8
STAY_S = 1800.0
"""A stay is at least so many calls in a row, over at least this time, from one network."""
REST_S = 3600.0
"""A pause of this length ends a stay: people leave, machines do not."""


class StayWindow(Struct, array_like=True, gc=False):
    """Networks that the client stayed at, their operators, and the time it spent so, of the last one to two days.

    Calls from another network in between end a stay. So senders that are active side by side have none, however many they
    are, and one sender has them wherever it goes.
    """

    networks: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    """Of stays that are over, or that a midnight has divided;"""
    operators: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    """and whose they are."""
    network: int = 0
    """Of the newest call."""
    operator: int = 0
    calls: int = 0
    """In a row; not counted further than is needed."""
    since_ts: float = -1.0
    last_ts: float = -1.0
    day: int = -1
    stayed_s: int = 0
    """Today,"""
    stayed_before_s: int = 0
    """and the day before: the same time that the networks cover."""

    def observe(self, ts: float, network: int, operator: int) -> None:
        """Count one call; a late one says nothing about what came first."""
        if ts < self.last_ts:
            return
        day = int(ts // DAY_S)
        if network == self.network and ts - self.last_ts < REST_S and day == self.day:
            if self.calls < STAY_CALLS:
                self.calls += 1
        else:
            self._leave(day)
            self.network, self.operator = network, operator
            self.calls = 1
            self.since_ts = ts
        self.last_ts = ts

    def _leave(self, day: int) -> None:
        """The stay is over: remember it if it was one; the next begins on `day`."""
        length_s = self._length_s()
        if length_s:
            self.networks.add(self.last_ts, self.network)
            self.operators.add(self.last_ts, self.operator)
            self.stayed_s += length_s
        if day > self.day:
            self.stayed_before_s = self.stayed_s if day == self.day + 1 else 0
            self.stayed_s = 0
            self.day = day

    def _length_s(self) -> int:
        """Of the open stay; 0 if it is none yet."""
        length_s = self.last_ts - self.since_ts
        return int(length_s) if self.calls >= STAY_CALLS and length_s >= STAY_S else 0

    def share(self, now_s: float) -> float:
        """Of the time that the networks cover at `now_s`, at least a day, the part in stays; 0 to 1."""
        passed = int(now_s // DAY_S) - self.day
        open_s = self.stayed_s + self._length_s()
        stayed_s = open_s + self.stayed_before_s if passed <= 0 else open_s if passed == 1 else 0
        return min(1.0, stayed_s / (DAY_S + now_s % DAY_S))
