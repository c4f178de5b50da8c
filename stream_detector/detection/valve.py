"""The safety valve: when a large share of the active clients would be acted on at once, we are probably wrong."""

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64
from stream_detector.detection.policy import ValvePolicy
from stream_detector.detection.profile import Profile

WINDOW_S = 600.0


class Valve(Struct, array_like=True):
    """Active clients by ten-minute slot, and who would have been acted on within the last ten minutes."""

    slot: int = -1
    active: int = 0
    active_before: int = 0
    acted: dict[int, float] = field(default_factory=dict)
    """Hash of the client -> event time of the newest action wanted."""
    is_open: bool = False
    """Whether the newest action wanted was turned into shadow."""
    wanted_s: float = 0.0
    """Event time of the newest action wanted."""

    def count(self, profile: Profile, ts: float) -> None:
        """Count a client as active, once per slot; any client's call tells that time has passed."""
        if self.is_open:
            self.rest(ts)
        slot = int(ts // WINDOW_S)
        if slot > self.slot:
            self.active_before = self.active if slot == self.slot + 1 else 0
            self.active = 0
            self.slot = slot
        if profile.counted_slot != self.slot:
            profile.counted_slot = self.slot
            self.active += 1

    def admits(self, client: str, now_s: float, policy: ValvePolicy) -> bool:
        """Count a client about to be acted on; False when the action must be a shadow one."""
        self.acted[hash64(client)] = now_s
        self.wanted_s = max(self.wanted_s, now_s)
        if len(self.acted) > policy.min_clients:
            self.acted = {hashed: ts for hashed, ts in self.acted.items() if now_s - ts <= WINDOW_S}
        recent = len(self.acted)
        share = recent / max(1, self.active, self.active_before)
        self.is_open = recent > policy.min_clients and share > policy.share
        return not self.is_open

    def rest(self, now_s: float) -> None:
        """Close the valve when nobody was to be acted on for a window."""
        if self.is_open and now_s - self.wanted_s > WINDOW_S:
            self.is_open = False
            self.acted.clear()
