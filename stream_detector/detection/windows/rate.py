"""How much: calls per five minutes against the client's own past, calls and output tokens per hour for a day."""

import math
from typing import Self

from msgspec import Struct, field

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


def _day() -> list[int]:
    return [0] * DAY_HOURS


class Past(Struct, array_like=True):
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


class RateWindow(Struct, array_like=True):
    """Open bucket, closed buckets not yet learned, a ring of 24 hours, and River baselines of busy periods."""

    bucket: int = -1
    count: int = 0
    pending: list[int] = field(default_factory=list)
    hour: int = -1
    calls: list[int] = field(default_factory=_day)
    tokens: list[int] = field(default_factory=_day)
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
        slot = self.hour % DAY_HOURS
        self.calls[slot] += 1
        if call.status in REFUSED:
            self.tokens[slot] += int(self.answer_tokens)
        elif call.output_tokens:
            self.tokens[slot] += call.output_tokens
            self.answer_tokens += ANSWER_WEIGHT * (call.output_tokens - self.answer_tokens)

    def _close(self, bucket: int) -> None:
        if self.count:
            self.pending.append(self.count)
            if len(self.pending) > MAX_PENDING:
                self.pending.remove(min(self.pending))
        self.bucket = bucket
        self.count = 0
        hour = bucket * BUCKET_S // HOUR_S
        if hour > self.hour >= 0:
            self.hours.close(self.calls[self.hour % DAY_HOURS])
            if hour // DAY_HOURS > self.hour // DAY_HOURS:
                self.days.close(sum(self.calls[: self.hour % DAY_HOURS + 1]))
        for passed in range(max(self.hour + 1, hour - DAY_HOURS + 1), hour + 1):
            self.calls[passed % DAY_HOURS] = 0
            self.tokens[passed % DAY_HOURS] = 0
        self.hour = max(self.hour, hour)

    def day_calls(self) -> int:
        """Calls of the last 24 clock hours, up to the client's newest call."""
        return sum(self.calls)

    def day_tokens(self) -> int:
        """Output tokens of the last 24 clock hours, taken or asked for."""
        return sum(self.tokens)

    def busiest_bucket(self) -> int:
        """The greatest count of a bucket that the baseline has not learned."""
        return max(self.count, *self.pending) if self.pending else self.count

    def busiest_hour(self) -> int:
        """The greatest count of an hour that the baseline of hours has not learned, the open hour included."""
        return max(self.calls[self.hour % DAY_HOURS], *self.hours.pending, 0)

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
