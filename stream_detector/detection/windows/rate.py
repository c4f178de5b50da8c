"""How much: calls per five minutes against the client's own past, calls and output tokens per hour for a day."""

import math
from struct import Struct
from typing import Self

import msgspec
from msgspec import field

from stream_detector.detection.windows.baseline import Baseline
from stream_detector.domain.calls import ApiCall

BUCKET_S = 300
HOUR_S = 3600
DAY_HOURS = 24
REFUSED = frozenset({403, 429})
"""Statuses of calls that a gateway refused. They count as what they asked for: a throttle must not look like a calm."""
ANSWER_WEIGHT = 0.05
MAX_PENDING = 12
"""Closed buckets that wait to be scored; beyond that the smallest is dropped."""
HOURS_REMEMBERED = 168.0
"""Busy hours in the baseline of hours: a week's worth at most."""
DAYS_REMEMBERED = 14.0


_RING = Struct("<24L")
_MOST = (1 << 32) - 1


class Past(msgspec.Struct, array_like=True, gc=False):
    """The client's own past at one time scale: a baseline of log counts, and the counts it has not learned."""

    baseline: Baseline
    pending: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, memory: float) -> Self:
        """Remembers so many busy periods."""
        return cls(Baseline(memory))

    def close(self, count: int) -> None:
        """A period is over; silent ones are not remembered."""
        if count:
            self.pending.append(count)
            if len(self.pending) > MAX_PENDING:
                self.pending.remove(min(self.pending))

    def learn(self) -> None:
        """Move what waits into the baseline."""
        for count in self.pending:
            self.baseline.learn(math.log1p(count))
        self.pending.clear()


class RateWindow(msgspec.Struct, array_like=True, gc=False):
    """Open bucket, closed buckets not yet learned, a ring of 24 hours, and River baselines of busy periods."""

    bucket: int = -1
    count: int = 0
    pending: list[int] = field(default_factory=list)
    hour: int = -1
    hour_calls: int = 0
    """In the open hour, as is the next."""
    hour_tokens: int = 0
    calls: bytearray = field(default_factory=lambda: bytearray(_RING.size))
    """In each whole hour of the last 24, by hour modulo 24: four bytes each, because a list of numbers takes 36."""
    tokens: bytearray = field(default_factory=lambda: bytearray(_RING.size))
    answer_tokens: float = 0.0
    """Mean output tokens of the last answers: what a refused call would have taken."""
    baseline: Baseline = field(default_factory=Baseline)
    hours: Past = field(default_factory=lambda: Past.of(HOURS_REMEMBERED))
    days: Past = field(default_factory=lambda: Past.of(DAYS_REMEMBERED))
    """Whole UTC days."""

    def observe(self, call: ApiCall) -> None:
        """Count one call."""
        bucket = int(call.ts) // BUCKET_S
        if bucket > self.bucket:
            self._close(bucket)
        self.count += 1
        self.hour_calls += 1
        if call.status in REFUSED:
            self.hour_tokens += int(self.answer_tokens)
        elif call.output_tokens:
            self.hour_tokens += call.output_tokens
            self.answer_tokens += ANSWER_WEIGHT * (call.output_tokens - self.answer_tokens)

    def _close(self, bucket: int) -> None:
        if self.count:
            self.pending.append(self.count)
            if len(self.pending) > MAX_PENDING:
                self.pending.remove(min(self.pending))
        self.bucket = bucket
        self.count = 0
        hour = bucket * BUCKET_S // HOUR_S
        if hour > self.hour:
            self._close_hour(hour)

    def _close_hour(self, hour: int) -> None:
        calls, tokens = list(_RING.unpack(self.calls)), list(_RING.unpack(self.tokens))
        if self.hour >= 0:
            slot = self.hour % DAY_HOURS
            calls[slot], tokens[slot] = min(_MOST, self.hour_calls), min(_MOST, self.hour_tokens)
            self.hours.close(self.hour_calls)
            if hour // DAY_HOURS > self.hour // DAY_HOURS:
                self.days.close(sum(calls[: slot + 1]))
        for passed in range(max(self.hour + 1, hour - DAY_HOURS + 1), hour + 1):
            calls[passed % DAY_HOURS] = tokens[passed % DAY_HOURS] = 0
        _RING.pack_into(self.calls, 0, *calls)
        _RING.pack_into(self.tokens, 0, *tokens)
        self.hour, self.hour_calls, self.hour_tokens = hour, 0, 0

    def whole_hours(self) -> list[int]:
        """Calls in each of the 23 hours before the open one, the newest last."""
        calls = _RING.unpack(self.calls)
        return [calls[(self.hour + after) % DAY_HOURS] for after in range(1, DAY_HOURS)]

    def day_calls(self) -> int:
        """Calls of the last 24 clock hours, up to the client's newest call."""
        return _total(self.calls) + self.hour_calls

    def day_tokens(self) -> int:
        """Output tokens of the last 24 clock hours, taken or asked for."""
        return _total(self.tokens) + self.hour_tokens

    def busiest_bucket(self) -> int:
        """The greatest count of a bucket that the baseline has not learned."""
        return max(self.count, *self.pending) if self.pending else self.count

    def busiest_hour(self) -> int:
        """The greatest count of an hour that the baseline of hours has not learned, the open hour included."""
        return max(self.hour_calls, *self.hours.pending, 0)

    def busiest_day(self) -> int:
        """The greatest count of a day that the baseline of days has not learned, the last 24 hours included."""
        return max(self.day_calls(), *self.days.pending, 0)

    def learn(self) -> None:
        """Move what is closed into the baselines. Called after scoring, and only for a client above suspicion."""
        for count in self.pending:
            self.baseline.learn(math.log1p(count))
        self.pending.clear()
        if self.hours.pending:
            self.hours.learn()
            self.days.learn()


def _total(ring: bytearray) -> int:
    return sum(map(int, _RING.unpack(ring)))
