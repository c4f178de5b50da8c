"""What a rival must be able to do."""

from collections.abc import Sequence
from typing import Protocol

from stream_detector.domain.calls import ApiCall


class Rival(Protocol):
    """Another detector. Rules as for our own: no clock, no unseeded chance.

    One object judges all clients, each alone: what it says of a client follows from `calibrate` and from that client's own
    calls. (So an honest population need not be judged again for every set of campaigns.)
    """

    @property
    def name(self) -> str:
        """As it stands in the report."""
        ...

    def calibrate(self, calls: Sequence[ApiCall]) -> None:
        """Set thresholds so that about 0.1 % of honest client-days are acted on.

        Called once, before the first `observe`.

        Args:
            calls: of the warm-up, in time order and sketched: honest clients only, the same ones that call later.
                What it learns about single clients may be kept. `observe` does not see these calls again.
        """
        ...

    def observe(self, call: ApiCall) -> bool:
        """Take in one call after the warm-up, in time order; True: act on its client from now on, until the UTC day ends.

        On the same day, later answers for the client change nothing.
        """
        ...
