"""All ports in memory: the reference that the other adapters must agree with, and the stores of replays and tests.

One process, one event loop, nothing is ever evicted and nothing fails.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence

from msgspec import Struct

from stream_detector.adapters import metering
from stream_detector.adapters.gcra import microseconds
from stream_detector.adapters.supersede import successors
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Action, Decision, Limit, Origin, Subject
from stream_detector.domain.errors import OwnershipLost
from stream_detector.domain.limits import ONE_CALL, Admission, Ask, Ended, Use
from stream_detector.domain.population import TemplateUse
from stream_detector.ports import Checkpoint, Ownership, Stored

_PROOF_EVERY_S = 0.5
_OLDEST_USE_S = 8 * 86_400.0


class _Partition:
    """What is stored of one partition."""

    def __init__(self) -> None:
        self.token = 0
        self.offset = -1
        self.state: bytes | None = None
        self.profiles: dict[str, bytes] = {}


class MemoryProfileStore:
    """Partition checkpoints (`ports.ProfileStore`). Profiles do not expire."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}

    async def claim(self, partition: int) -> Ownership:
        """Take the partition over."""
        stored = self._partitions.setdefault(partition, _Partition())
        stored.token += 1
        return Ownership(partition=partition, token=stored.token, offset=stored.offset, partition_state=stored.state)

    async def load(self, partition: int, clients: Sequence[str]) -> list[bytes | None]:
        """Read profiles in the order of `clients`."""
        stored = self._partitions.get(partition, _Partition())
        return [stored.profiles.get(client) for client in clients]

    async def checkpoint(self, ownership: Ownership, checkpoint: Checkpoint) -> None:
        """Write everything, or nothing.

        Raises:
            OwnershipLost: another worker has claimed the partition, or the store holds a later checkpoint already.
        """
        stored = self._partitions.get(ownership.partition, _Partition())
        if stored.token != ownership.token:
            message = f"partition {ownership.partition}: token {ownership.token} is not the latest ({stored.token})"
            raise OwnershipLost(message, partition=ownership.partition)
        if checkpoint.offset < stored.offset:
            message = (
                f"partition {ownership.partition}: offset {checkpoint.offset} is behind the stored {stored.offset}"
            )
            raise OwnershipLost(message, partition=ownership.partition)
        stored.profiles.update(checkpoint.profiles)
        stored.state = checkpoint.partition_state
        stored.offset = checkpoint.offset


class _Use(Struct, frozen=True, gc=False):
    """One partition's published use of a template."""

    use: TemplateUse
    published_s: float


class MemoryPopulationStore:
    """Template counts of all partitions (`ports.PopulationStore`); counts older than 8 days are not added up."""

    def __init__(self) -> None:
        self._uses: dict[int, dict[int, _Use]] = {}

    async def exchange(self, partition: int, uses: Mapping[int, TemplateUse], now_s: float) -> dict[int, TemplateUse]:
        """Publish this partition's counts; return the sums of the others."""
        sums = {}
        for template, use in uses.items():
            of_template = self._uses.setdefault(template, {})
            of_template[partition] = _Use(use, now_s)
            others = [
                entry.use
                for owner, entry in of_template.items()
                if owner != partition and now_s - entry.published_s <= _OLDEST_USE_S
            ]
            sums[template] = TemplateUse(sum(use.members for use in others), sum(use.young for use in others))
        return sums


class _Known:
    """What later calls must know about a subject."""

    def __init__(self) -> None:
        self.pardoned_until = 0.0
        self.offsets: dict[int, int] = {}


class MemoryDecisionStore:
    """Standing decisions (`ports.DecisionStore`)."""

    def __init__(self) -> None:
        self._standing: dict[Subject, Decision] = {}
        self._known: dict[Subject, _Known] = {}
        self._listeners: set[asyncio.Queue[Decision]] = set()

    async def put(self, decisions: Sequence[Decision], now_s: float) -> list[Stored]:
        """Store and announce."""
        positions = successors(decisions)
        taken = {position: self._put(decisions[position], now_s) for position in sorted(set(positions))}
        return [taken[position] for position in positions]

    def _put(self, decision: Decision, now_s: float) -> Stored:
        known = self._known.setdefault(decision.subject, _Known())
        if decision.origin is Origin.ENGINE:
            source = decision.source
            if source is not None:
                if source.offset <= known.offsets.get(source.partition, -1):
                    return Stored.REPLAYED
                known.offsets[source.partition] = source.offset
            if known.pardoned_until > now_s:
                return Stored.PARDONED
        pardons = decision.origin is Origin.OPERATOR and decision.action is Action.ALLOW
        known.pardoned_until = decision.expires_at if pardons else 0.0
        self._standing[decision.subject] = decision
        for listener in self._listeners:
            listener.put_nowait(decision)
        return Stored.TAKEN

    async def standing(self, now_s: float) -> list[Decision]:
        """Every decision that has not expired."""
        return [decision for decision in self._standing.values() if decision.expires_at > now_s]

    async def changes(self) -> AsyncGenerator[Decision | None, None]:
        """Decisions as they are announced.

        The first item is None and says that from now on nothing is missed: read `standing` when it arrives.
        """
        announced: asyncio.Queue[Decision] = asyncio.Queue()
        self._listeners.add(announced)
        clock_s = asyncio.get_running_loop().time
        try:
            while True:
                yield None
                proof_at_s = clock_s() + _PROOF_EVERY_S
                with contextlib.suppress(TimeoutError):
                    while clock_s() < proof_at_s:
                        async with asyncio.timeout_at(proof_at_s):
                            change = await announced.get()
                        yield change
        finally:
            self._listeners.discard(announced)


class MemoryLimiter:
    """Limits (`ports.Limiter` and `ports.Settler`). Another limit for the same subject starts afresh."""

    def __init__(self) -> None:
        self._usages: defaultdict[tuple[Subject, metering.Meter], metering.Usage] = defaultdict(metering.Usage)

    async def admit(self, subject: Subject, limit: Limit, now_s: float, ask: Ask = ONE_CALL) -> Admission:
        """Let a call through, or refuse it."""
        meter = metering.meter_of(limit)
        return metering.admit(meter, self._usages[subject, meter], microseconds(now_s), ask)

    async def settle(self, subject: Subject, limit: Limit, now_s: float, use: Use) -> bool:
        """Count what a call has used."""
        meter = metering.meter_of(limit)
        return metering.settle(meter, self._usages[subject, meter], microseconds(now_s), use)

    async def settle_all(self, calls: Sequence[Ended], now_s: float) -> list[bool]:
        """Count what many calls have used, in their order."""
        return [await self.settle(each.subject, each.limit, now_s, each.use) for each in calls]


class MemoryDecisionLog:
    """Keeps what was published (`ports.DecisionLog`)."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.caused_at_ms: list[int] = []

    async def publish(self, decisions: Sequence[Decision], caused_at_ms: Sequence[int]) -> None:
        """Append."""
        self.decisions.extend(decisions)
        self.caused_at_ms.extend(caused_at_ms)


class MemoryDeadLetterLog:
    """Keeps what was published (`ports.DeadLetterLog`)."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Append."""
        self.letters.extend(letters)
