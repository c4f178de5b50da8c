"""Implementations of `ports.Clock`."""

import time


class WallClock:
    """The time of day."""

    def now_s(self) -> float:
        """Seconds since 1970."""
        return time.time()


class ScaledClock:
    """Event time of a simulation, as a linear function of wall time."""

    def __init__(self, event_s: float, wall_s: float, speed: float) -> None:
        """Event time is `event_s` at wall time `wall_s`, and runs `speed` seconds a second."""
        self._event_s = event_s
        self._wall_s = wall_s
        self._speed = speed

    def now_s(self) -> float:
        """Simulated seconds since 1970."""
        return self._event_s + (time.time() - self._wall_s) * self._speed
