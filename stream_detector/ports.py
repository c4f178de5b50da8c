"""What the service needs from the outside, as protocols.

Adapters implement them; one suite of tests runs on every adapter.

Every store method raises `StoreUnavailable` when the other side does not answer, and keeps the cause.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from enum import IntEnum
from typing import Protocol

from msgspec import Struct

from stream_detector.domain.addresses import AddressFacts
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Decision, Limit, Subject
from stream_detector.domain.errors import RejectReason
from stream_detector.domain.limits import ONE_CALL, Admission, Ask, Ended, Use
from stream_detector.domain.population import TemplateUse
from stream_detector.domain.verdicts import Settlement


class Record(Struct, frozen=True, gc=False):
    """One raw record of the calls topic."""

    offset: int
    timestamp_ms: int
    """Wall time when the producer sent it, milliseconds since 1970; 0 where unknown."""
    key: bytes | None
    value: bytes | None


class Checkpoint(Struct, frozen=True, kw_only=True):
    """Everything a partition's owner needs to go on after `offset`, written in one atomic step."""

    partition: int
    offset: int
    """Last offset that all of this includes; -1 before the first record."""
    profiles: Mapping[str, bytes]
    """Client -> encoded profile; only those changed since the checkpoint before."""
    partition_state: bytes
    """Segment models, calibration, population windows and the safety valve of the partition."""


class Ownership(Struct, frozen=True, kw_only=True):
    """Proof that this worker owns a partition, and where it stood."""

    partition: int
    token: int
    """Fencing token: a later owner has a greater one."""
    offset: int
    """Offset of the last checkpoint; -1 when there is none."""
    partition_state: bytes | None


class ProfileStore(Protocol):
    """Keeps partition checkpoints."""

    async def claim(self, partition: int) -> Ownership:
        """Take the partition over: every earlier owner is fenced off from now on."""

    async def load(self, partition: int, clients: Sequence[str]) -> list[bytes | None]:
        """Read profiles, in the order of `clients`, in one round trip; None where there is none."""

    async def checkpoint(self, ownership: Ownership, checkpoint: Checkpoint) -> None:
        """Write everything, or nothing.

        Raises:
            OwnershipLost: another worker has claimed the partition; nothing was written.
        """


class PopulationStore(Protocol):
    """What partitions tell each other: how many distinct clients of each use a template."""

    async def exchange(self, partition: int, uses: Mapping[int, TemplateUse], now_s: float) -> dict[int, TemplateUse]:
        """Publish this partition's absolute counts per template; return the sums over all other partitions.

        Absolute values make it idempotent. The answer has every template of `uses`; zeros where nobody else uses it.
        """


class Stored(IntEnum):
    """What became of a decision that was put."""

    REPLAYED = 0
    """Known already: same subject and partition, offset not above the stored one."""
    TAKEN = 1
    PARDONED = 2
    """Refused: the engine's, against an operator's live `allow`."""


class DecisionStore(Protocol):
    """Standing decisions, shared by workers, hooks and the console."""

    async def put(self, decisions: Sequence[Decision], now_s: float) -> list[Stored]:
        """Store and announce; one answer per decision."""

    async def standing(self, now_s: float) -> list[Decision]:
        """Every decision that has not expired."""

    def changes(self) -> AsyncGenerator[Decision | None, None]:
        """Decisions as they are announced; None at least once a second while the connection is proven alive.

        Raises:
            StoreUnavailable: the connection broke; call `standing` and `changes` again.
        """


class Limiter(Protocol):
    """One limit per subject, shared by all hooks."""

    async def admit(self, subject: Subject, limit: Limit, now_s: float, ask: Ask = ONE_CALL) -> Admission:
        """Let a call through and reserve what it needs; a refused call costs nothing.

        Raises:
            StoreUnavailable: no answer; the call may have been counted.
        """

    async def settle(self, subject: Subject, limit: Limit, now_s: float, use: Use) -> bool:
        """Count what a call has used instead of what it reserved.

        Returns:
            False where no such call is open: it was settled before, or too long ago.

        Raises:
            StoreUnavailable: no answer; it may have been counted.
        """


class Settler(Protocol):
    """What a worker needs of the limiter."""

    async def settle_all(self, calls: Sequence[Ended], now_s: float) -> list[bool]:
        """`Limiter.settle` for many calls in one round trip; the answers in the same order.

        Raises:
            StoreUnavailable: no answer; any of them may have been counted, and is not open the next time.
        """


class AddressBook(Protocol):
    """What is known about addresses."""

    def look_up(self, ip: str) -> AddressFacts:
        """Facts about a valid address; asked for every call, so it must answer from memory."""


class DecisionLog(Protocol):
    """The compacted topic of decisions."""

    async def publish(self, decisions: Sequence[Decision], caused_at_ms: Sequence[int]) -> None:
        """Return once the broker has them all.

        `caused_at_ms`: wall time at which each causing call was sent, one per decision (record header of that name).
        """


class DeadLetterLog(Protocol):
    """The topic of calls that could not be used."""

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Return once the broker has them all."""


class Clock(Protocol):
    """Where entry points get the time from; the core takes it as an argument."""

    def now_s(self) -> float:
        """Seconds since 1970: wall time, or a scaled simulation clock."""


class ChunkHandler(Protocol):
    """What the stream drives: `service.Service`. All calls come from one task at a time."""

    async def claim(self, partition: int, end_offset: int) -> int:
        """Take a partition over; `end_offset` is the offset of its next record.

        Returns:
            The offset up to which everything is saved already; -1 for nothing.

        Raises:
            ConfigError: the checkpoint lies beyond the end of the partition (the topic was made anew).
        """

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        """Handle one micro-batch in offset order; its decisions and dead letters are then out, its state not yet saved."""

    async def tick(self) -> None:
        """Write the checkpoints that are due. Called about four times a second."""

    def saved_offset(self, partition: int) -> int:
        """Records up to here may be acknowledged; -1 for none."""

    async def release(self, partition: int) -> None:
        """Write a last checkpoint and forget the partition."""

    def forget(self, partition: int) -> None:
        """Forget the partition without writing: somebody else owns it."""


class ChunkReport(Struct, frozen=True, kw_only=True):
    """What happened to one micro-batch."""

    partition: int
    records: int
    calls: int
    replayed: int
    rejected: Sequence[RejectReason]
    decisions: Sequence[Decision]
    decision_latencies_s: Sequence[float]
    """From the send of the causing call to the decision being stored and published, wall time; one per decision."""
    readings: Mapping[tuple[str, str], int]
    """(detector, "scored" or "warming") -> count."""
    settled: Mapping[Settlement, int] = {}
    """Calls of clients with a limit of tokens or open calls."""
    valve_open: bool
    seconds: float


class CheckpointReport(Struct, frozen=True, kw_only=True):
    """One checkpoint written."""

    partition: int
    profiles: int
    size_bytes: int
    seconds: float


class Observer(Protocol):
    """Hears what happened; the core itself neither counts nor logs."""

    def chunk(self, report: ChunkReport) -> None:
        """One micro-batch was handled."""

    def checkpoint(self, report: CheckpointReport) -> None:
        """One checkpoint was written."""

    def unsaved_since(self, seconds: float, profiles_in_memory: int) -> None:
        """Age of the oldest call that no checkpoint includes (0 for none), and how many profiles are in memory."""

    def released(self, partition: int) -> None:
        """The partition is not ours any more."""

    def store_retry(self) -> None:
        """The store did not answer; the operation is tried again."""
