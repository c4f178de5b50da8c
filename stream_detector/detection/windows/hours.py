"""By the clock: in which ten minutes of the day a client works, when it rests, and how evenly it works.

All hours are UTC. Days and hours in which nothing happened count as well.
"""

from msgspec import Struct, field

from stream_detector.detection.zones import Longitudes, of_country, of_zone
from stream_detector.domain.calls import ApiCall

SLOT_S = 600
HOUR_SLOTS = 6
DAY_SLOTS = 144
DAYS = 8
"""Days of which rest is remembered, the open one included."""
FULL = 84
"""A clock hour that was busy in so many slots, two weeks' worth, halves all."""
LOAD_HOURS = 336.0
"""At this many hours the calls per hour are halved: they cover the last one to two weeks."""
OPEN_HOURS = 48.0
"""The same for open calls: the last one to two days."""
_LONGEST = 255


class Spread(Struct, array_like=True, gc=False):
    """Moments of a number that each hour has."""

    hours: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float, idle_hours: int, memory: float) -> None:
        """Take in an hour's value, and hours of 0 after it."""
        if self.hours >= memory:
            self.hours /= 2
            self.total /= 2
            self.squares /= 2
        self.hours += 1 + min(idle_hours, memory)
        self.total += value
        self.squares += value * value

    def mean(self) -> float:
        """Per hour; 0 before the first."""
        return self.total / self.hours if self.hours else 0.0

    def unevenness(self) -> float:
        """Squared coefficient of variation; 0 before the second hour."""
        if self.hours <= 1 or not self.total:
            return 0.0
        mean = self.total / self.hours
        return max(0.0, self.squares / self.hours - mean * mean) * self.hours / (self.hours - 1) / (mean * mean)


class HoursWindow(Struct, array_like=True, gc=False):
    """Slots of ten minutes with calls, the rests between them, and the spread of whole hours."""

    first_slot: int = -1
    slot: int = -1
    """The newest with calls."""
    work_slot: int = -1
    """The first after the last rest of an hour: since then the client works."""
    active: bytearray = field(default_factory=lambda: bytearray(24))
    """Busy slots of each clock hour, of the last one to two weeks."""
    occupied: bytearray = field(default_factory=lambda: bytearray(DAYS))
    """Busy slots of each day, by day modulo `DAYS`."""
    rest: bytearray = field(default_factory=lambda: bytearray(DAYS))
    """Longest rest that ended on each day, in slots, at most 255."""
    hour_calls: int = 0
    """In the open hour, as are the next."""
    hour_open_s: float = 0.0
    is_partial: bool = True
    """Whether the client was met within the open hour, which is then no whole one."""
    calls: Spread = field(default_factory=Spread)
    """Per hour."""
    open_calls: Spread = field(default_factory=Spread)
    """Mean number of calls that were open at a time, by the hour in which they began."""
    home: Longitudes | None = None
    """Of the account, as declared: by time zone, else by country."""
    sender: Longitudes | None = None
    """Of the newest source address, by country."""

    def observe(self, call: ApiCall) -> None:
        """Count one call."""
        slot = int(call.ts) // SLOT_S
        if slot > self.slot:
            self._open(slot)
            self._locate(call)
        self.hour_calls += 1
        if call.latency_ms:
            self.hour_open_s += call.latency_ms / 1000

    def _open(self, slot: int) -> None:
        last = self.slot
        day = slot // DAY_SLOTS
        if last < 0:
            self.first_slot = self.work_slot = slot
        else:
            idle = slot - last - 1
            if slot // HOUR_SLOTS > last // HOUR_SLOTS:
                self._close_hour(slot // HOUR_SLOTS - last // HOUR_SLOTS - 1)
            for passed in range(max(last // DAY_SLOTS + 1, day - DAYS + 1), day + 1):
                self.occupied[passed % DAYS] = self.rest[passed % DAYS] = 0
            self.rest[day % DAYS] = min(_LONGEST, max(self.rest[day % DAYS], idle))
            if idle >= HOUR_SLOTS:
                self.work_slot = slot
        self.slot = slot
        self.occupied[day % DAYS] += 1
        hour = slot // HOUR_SLOTS % 24
        if self.active[hour] >= FULL:
            self.active = bytearray(count >> 1 for count in self.active)
        self.active[hour] += 1

    def _locate(self, call: ApiCall) -> None:
        if call.time_zone is not None:
            self.home = of_zone(call.time_zone)
        elif call.country is not None:
            self.home = of_country(call.country)
        if call.ip_country is not None:
            self.sender = of_country(call.ip_country)

    def _close_hour(self, idle_hours: int) -> None:
        if self.is_partial:
            self.is_partial = False
        else:
            self.calls.add(self.hour_calls, idle_hours, LOAD_HOURS)
            if self.hour_open_s or self.open_calls.hours:
                self.open_calls.add(self.hour_open_s / 3600, idle_hours, OPEN_HOURS)
        self.hour_calls = 0
        self.hour_open_s = 0.0

    def days(self) -> float:
        """Time since the client was met, in days."""
        return (self.slot - self.first_slot) / DAY_SLOTS

    def work_h(self) -> float:
        """Time since the last rest of an hour, in hours."""
        return (self.slot - self.work_slot) / HOUR_SLOTS

    def longest_rest_h(self) -> float:
        """Within the last week; 42.5 at most."""
        return max(self.rest) / HOUR_SLOTS
