"""What the simulator makes, as the demo needs it."""

from collections.abc import Iterator

from msgspec import Struct

from stream_detector.demo.ledger import Truth
from stream_detector.domain.calls import ApiCall


class Traffic(Struct, frozen=True, kw_only=True):
    """One run's calls and the truth about their clients."""

    truth: dict[str, Truth]
    start_s: float
    """Event time."""
    end_s: float

    @property
    def span_s(self) -> float:
        """Event time from start to end."""
        return self.end_s - self.start_s

    @classmethod
    def of(cls, seconds: float, seed: int) -> "Traffic":
        """The demo's traffic for so many seconds of wall time."""
        raise NotImplementedError

    def calls(self) -> Iterator[ApiCall]:
        """All calls in time order."""
        raise NotImplementedError

    def refuse(self, call: ApiCall, status: int) -> ApiCall:
        """The event of a refused call."""
        raise NotImplementedError
