"""What a client does once it is refused: how often it still tries, and how soon after a failure.

The window sees refusals only, whoever made them; whether the client stands under a decision is the detector's business.
"""

import math

from msgspec import Struct

from stream_detector.detection.windows.rate import REFUSED
from stream_detector.domain.calls import ApiCall

FAILED = REFUSED | {500, 502, 503, 504, 529}
"""Statuses after which software tries again."""
SLOT_S = 600
MIN_REFUSED = 3
LIMITED = 0.3
"""A slot of ten minutes in which so large a share of the calls is refused, and at least `MIN_REFUSED`, has met a limit."""
EPISODE_S = 86_400.0
"""A limit that was not met for so long is history."""
MEMORY = 0.1
"""Weight of the newest slot in the usual pace."""
RETRIES = 64
"""At this many retries their moments are halved."""


class ReactionWindow(Struct, array_like=True, gc=False):
    """The pace before the first limit, the pace after it, and the waits after a failure."""

    slot: int = -1
    calls: int = 0
    """In the open slot, as is the next."""
    refused: int = 0
    usual: float = 0.0
    """Calls in a busy slot, before any limit."""
    limit_slot: int = -1
    """The first slot of the episode; -1 outside one."""
    met_slot: int = -1
    """The last one with a limit."""
    admitted: int = 0
    """Most calls that a limited slot let pass: what the limit is, as far as the client can know."""
    slots: int = 0
    """Closed slots since the first limited one, silent ones too."""
    paced: int = 0
    """Of these, the ones with about as many calls as the limit admits, and hardly a refusal."""
    quiet: int = 0
    """Of these, the ones with less than half of the usual calls."""
    failed_ts: float = -1.0
    """End of the last call, if it failed."""
    retries: float = 0.0
    waits: float = 0.0
    """Sum of the logarithms of the waits in seconds."""
    squares: float = 0.0

    def observe(self, call: ApiCall) -> None:
        """Count one call."""
        slot = int(call.ts) // SLOT_S
        if slot > self.slot:
            self._close(slot)
        self.calls += 1
        if self.failed_ts >= 0:
            self._wait(call.ts - self.failed_ts)
        status = call.status
        if status in FAILED:
            self.refused += status in REFUSED
            self.failed_ts = call.ts + (call.latency_ms or 0.0) / 1000

    def _wait(self, wait_s: float) -> None:
        """Count the wait between a failure and the next call."""
        self.failed_ts = -1.0
        if self.retries >= RETRIES:
            self.retries /= 2
            self.waits /= 2
            self.squares /= 2
        logarithm = math.log(max(0.05, wait_s))
        self.retries += 1
        self.waits += logarithm
        self.squares += logarithm * logarithm

    def _close(self, slot: int) -> None:
        calls, refused = self.calls, self.refused
        if self.limit_slot >= 0 and (slot - self.met_slot) * SLOT_S > EPISODE_S:
            self.limit_slot = -1
        if refused >= MIN_REFUSED and refused >= LIMITED * calls:
            self._meet(calls - refused)
        if self.limit_slot < 0:
            if calls:
                self.usual += (MEMORY if self.usual else 1.0) * (calls - self.usual)
        else:
            self._follow(slot - self.slot - 1)
        self.slot = slot
        self.calls = self.refused = 0

    def _follow(self, silent: int) -> None:
        """Count the closed slot and the silent ones after it; the slot that first met the limit is not counted."""
        self.slots += silent
        self.quiet += silent
        if self.slot > self.limit_slot:
            calls, refused = self.calls, self.refused
            self.slots += 1
            self.quiet += 2 * calls < self.usual
            self.paced += 0.4 * self.admitted <= calls <= 1.5 * self.admitted and refused <= LIMITED / 2 * calls

    def _meet(self, admitted: int) -> None:
        if self.limit_slot < 0:
            self.limit_slot = self.slot
            self.slots = self.paced = self.quiet = self.admitted = 0
        self.met_slot = self.slot
        self.admitted = max(self.admitted, admitted)

    def usual_wait_s(self) -> float:
        """Geometric mean of the waits; 0 before the first."""
        return math.exp(self.waits / self.retries) if self.retries else 0.0

    def retry_spread(self) -> float:
        """Standard deviation of the logarithm of the waits: 0 for a fixed pause, above 0.5 for a growing or random one."""
        if not self.retries:
            return 0.0
        mean = self.waits / self.retries
        return math.sqrt(max(0.0, self.squares / self.retries - mean * mean))
