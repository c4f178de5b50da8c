"""What this worker holds of a partition that it owns."""

from collections.abc import Iterable, Mapping, Sequence

from stream_detector.detection import state
from stream_detector.detection.engine import Scope
from stream_detector.detection.partition import Partition
from stream_detector.detection.population import Neighbours
from stream_detector.detection.profile import Profile
from stream_detector.ports import Checkpoint, Ownership


class Owned:
    """Profiles in memory, which of them are unsaved, and how far the partition is handled and saved."""

    def __init__(self, ownership: Ownership, allowed_until: Mapping[str, float]) -> None:
        blob = ownership.partition_state
        partition = Partition() if blob is None else state.decode_partition(blob)
        self.ownership = ownership
        self.scope = Scope(partition, Neighbours(), allowed_until)
        self.scope.neighbours.unreported.update(partition.population.templates)
        self.profiles: dict[str, Profile] = {}
        self.dirty: set[str] = set()
        self.handled = ownership.offset
        """Last offset that memory includes."""
        self.saved = ownership.offset
        """Last offset that the store includes."""
        self.unsaved_calls = 0
        self.unsaved_since_s: float | None = None
        """Monotonic time of the first call that the store does not include."""

    def missing(self, clients: Iterable[str]) -> list[str]:
        """The plan: whose profiles must be read before thinking, in a fixed order."""
        profiles = self.profiles
        return [client for client in dict.fromkeys(clients) if client not in profiles]

    def fill(self, clients: Sequence[str], blobs: Sequence[bytes | None]) -> None:
        """Take in the answer of the store; clients unknown to it are new."""
        for client, blob in zip(clients, blobs, strict=True):
            self.profiles[client] = Profile() if blob is None else state.decode_profile(blob)

    def mark_handled(self, offset: int, calls: int, since_s: float) -> None:
        """Memory includes everything up to `offset`: so many calls more, the first of them since `since_s` (monotonic)."""
        self.handled = offset
        self.unsaved_calls += calls
        if self.unsaved_since_s is None:
            self.unsaved_since_s = since_s

    def checkpoint(self) -> Checkpoint:
        """What must be written to save everything up to `handled`."""
        profiles = self.profiles
        return Checkpoint(
            partition=self.ownership.partition,
            offset=self.handled,
            profiles={client: state.encode(profiles[client]) for client in sorted(self.dirty)},
            partition_state=state.encode(self.scope.partition),
        )

    def mark_saved(self, checkpoint: Checkpoint) -> None:
        """The checkpoint is in the store. Nothing was handled since it was made."""
        self.saved = checkpoint.offset
        self.dirty.clear()
        self.unsaved_calls = 0
        self.unsaved_since_s = None

    def evict(self, limit: int) -> None:
        """Let the idlest profiles go when there are more than `limit`; a tenth more than needed, to do it rarely."""
        excess = len(self.profiles) - limit
        if excess <= 0 or self.dirty:
            return
        idlest = sorted(self.profiles, key=lambda client: self.profiles[client].last_ts)
        for client in idlest[: excess + limit // 10]:
            del self.profiles[client]
