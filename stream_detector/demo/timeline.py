"""Event time against wall time: hours of traffic pass in a minute."""

from datetime import UTC, datetime

from msgspec import Struct


class Timeline(Struct, frozen=True):
    """Event time is `event_s` at wall time `wall_s`, and runs `speed` seconds per second from there."""

    event_s: float
    wall_s: float
    speed: float

    def event_at(self, wall_s: float) -> float:
        """Event time at a wall time; both in seconds since 1970."""
        return self.event_s + (wall_s - self.wall_s) * self.speed

    def wall_at(self, event_s: float) -> float:
        """Wall time at which the event clock shows `event_s`."""
        return self.wall_s + (event_s - self.event_s) / self.speed

    def setting(self) -> str:
        """Value of the setting `clock` that gives a process this timeline."""
        return f"scaled:{self.event_s:.6f}:{self.wall_s:.6f}:{self.speed:.6f}"


def clock_text(event_s: float) -> str:
    """`14:05` (UTC)."""
    return datetime.fromtimestamp(event_s, UTC).strftime("%H:%M")


def span_text(seconds: float) -> str:
    """A span as people say it: `40 s`, `12 min`, `3 h 05 min`."""
    if seconds < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"  # noqa: PLR2004
