"""The service: micro-batches in, decisions and dead letters out, checkpoints on time.

Rules:
1. Plan, one round trip, think, write: a micro-batch reads the profiles that it lacks in one pipelined request.
2. Decisions and dead letters are out before the checkpoint that includes their calls; both may come twice after a crash,
   with the same content, and are idempotent by (subject, partition, offset).
3. What calls have used is settled after that, and lost if the limiter does not answer at once (`settling`).
4. A checkpoint is all or nothing. What it includes may be acknowledged, nothing else.
5. A store that does not answer is asked again for ever: the stream waits, nothing is lost.
6. `handle`, `tick`, `claim` and `release` never run at the same time (the stream holds a lock).
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from stream_detector.detection.engine import Engine
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Source
from stream_detector.domain.errors import ConfigError
from stream_detector.domain.feedback import Feedback
from stream_detector.domain.verdicts import Settlement
from stream_detector.ports import (
    CheckpointReport,
    Clock,
    DeadLetterLog,
    DecisionLog,
    DecisionStore,
    Observer,
    PopulationStore,
    ProfileStore,
    Record,
    Stored,
)
from stream_detector.service.intake import Reader, Taken
from stream_detector.service.microbatch import Batch, Made
from stream_detector.service.owned import Owned
from stream_detector.service.retry import until_answered
from stream_detector.service.settling import Settling


class Pace(Struct, frozen=True, kw_only=True):
    """When to save, and how much to hold."""

    checkpoint_s: float
    checkpoint_calls: int
    max_profiles: int


class Outside(Struct, frozen=True, kw_only=True):
    """The adapters."""

    profiles: ProfileStore
    population: PopulationStore
    decisions: DecisionStore
    decision_log: DecisionLog
    dead_letter_log: DeadLetterLog
    observer: Observer
    clock: Clock
    wall_s: Callable[[], float]
    """Wall time: latency is real even when the clock is simulated."""
    monotonic_s: Callable[[], float]
    settling: Settling | None = None
    """None where there is no limiter to tell, as in a replay."""


class Service:
    """Implements `ports.ChunkHandler`."""

    def __init__(
        self, engine: Engine, reader: Reader, pace: Pace, outside: Outside, allowed_until: Mapping[str, float]
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._pace = pace
        self._outside = outside
        self._allowed_until = allowed_until
        self._owned: dict[int, Owned] = {}

    async def claim(self, partition: int, end_offset: int) -> int:
        """See `ports.ChunkHandler.claim`."""
        outside = self._outside
        ownership = await until_answered(lambda: outside.profiles.claim(partition), outside.observer.store_retry)
        if ownership.offset >= end_offset:
            message = (
                f"partition {partition}: the checkpoint includes offset {ownership.offset}, but the topic ends at "
                f"{end_offset}: it was made anew; start the workers with another STREAM_DETECTOR_KEY_PREFIX"
            )
            raise ConfigError(message)
        owned = self._owned[partition] = Owned(ownership, self._allowed_until)
        await self._exchange(owned)
        return ownership.offset

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        """See `ports.ChunkHandler.handle`."""
        owned, outside = self._owned[partition], self._outside
        started_s = outside.monotonic_s()
        fresh = [record for record in records if record.offset > owned.handled]
        intake = self._reader.read(partition, fresh, outside.clock.now_s())
        await self._load(owned, intake.taken)
        made = self._think(owned, intake.taken)
        await self._write_out(made, intake.dead)
        written_s = outside.wall_s()
        settled = await self._settle(intake.taken)
        if fresh:
            owned.mark_handled(fresh[-1].offset, len(intake.taken), started_s)
        batch = Batch(
            partition=partition,
            records=len(records),
            replayed=len(records) - len(fresh),
            intake=intake,
            made=made,
            settled=settled,
            readings=dict(self._engine.readings),
            valve_open=owned.scope.partition.valve.is_open,
        )
        self._engine.readings.clear()
        outside.observer.chunk(batch.report(wall_s=written_s, seconds=outside.monotonic_s() - started_s))
        if owned.unsaved_calls >= self._pace.checkpoint_calls:
            await self._save(owned)

    async def tick(self) -> None:
        """See `ports.ChunkHandler.tick`."""
        now_s = self._outside.monotonic_s()
        ages_s = [0.0]
        for owned in self._owned.values():
            if owned.unsaved_since_s is not None:
                age_s = now_s - owned.unsaved_since_s
                if age_s >= self._pace.checkpoint_s:
                    await self._save(owned)
                else:
                    ages_s.append(age_s)
        profiles = sum(len(owned.profiles) for owned in self._owned.values())
        self._outside.observer.unsaved_since(max(ages_s), profiles)

    def saved_offset(self, partition: int) -> int:
        """See `ports.ChunkHandler.saved_offset`."""
        owned = self._owned.get(partition)
        return -1 if owned is None else owned.saved

    async def release(self, partition: int) -> None:
        """See `ports.ChunkHandler.release`."""
        owned = self._owned[partition]
        if owned.handled > owned.saved:
            await self._save(owned)
        self.forget(partition)

    def forget(self, partition: int) -> None:
        """See `ports.ChunkHandler.forget`."""
        self._owned.pop(partition, None)
        self._outside.observer.released(partition)

    async def _load(self, owned: Owned, taken: Sequence[Taken]) -> None:
        missing = owned.missing(one.call.client for one in taken)
        if missing:
            store, partition = self._outside.profiles, owned.ownership.partition
            blobs = await until_answered(lambda: store.load(partition, missing), self._outside.observer.store_retry)
            owned.fill(missing, blobs)

    def _think(self, owned: Owned, taken: Sequence[Taken]) -> list[Made]:
        observe, profiles, scope, dirty = self._engine.observe, owned.profiles, owned.scope, owned.dirty
        partition = owned.ownership.partition
        made: list[Made] = []
        for one in taken:
            call = one.call
            client = call.client
            profile, source = profiles[client], Source(partition, one.offset)
            if isinstance(call, Feedback):
                decision = self._engine.hear(call, source, profile, scope)
            else:
                decision = observe(call, source, profile, scope)
            if profile.calls:  # feedback goes to every partition, and one of them knows the client
                dirty.add(client)
            if decision is not None:
                made.append(Made(decision, one.sent_ms))
        return made

    async def _write_out(self, made: Sequence[Made], dead: Sequence[DeadLetter]) -> None:
        outside = self._outside
        if dead:
            await until_answered(lambda: outside.dead_letter_log.publish(dead), outside.observer.store_retry)
        if made:
            decisions = [one.decision for one in made]
            now_s = outside.clock.now_s()
            stored = await until_answered(lambda: outside.decisions.put(decisions, now_s), outside.observer.store_retry)
            # A replayed one may have been stored but not published before a crash; publishing it again is harmless.
            standing = [one for one, became in zip(made, stored, strict=True) if became is not Stored.PARDONED]
            await until_answered(
                lambda: outside.decision_log.publish(
                    [one.decision for one in standing], [one.sent_ms for one in standing]
                ),
                outside.observer.store_retry,
            )

    async def _settle(self, taken: Sequence[Taken]) -> Mapping[Settlement, int]:
        outside = self._outside
        if outside.settling is None:
            return {}
        return await outside.settling.settle((one.call for one in taken), outside.clock.now_s())

    async def _save(self, owned: Owned) -> None:
        outside = self._outside
        started_s = outside.monotonic_s()
        checkpoint = owned.checkpoint()
        await until_answered(
            lambda: outside.profiles.checkpoint(owned.ownership, checkpoint), outside.observer.store_retry
        )
        owned.mark_saved(checkpoint)
        owned.evict(self._pace.max_profiles)
        outside.observer.checkpoint(
            CheckpointReport(
                partition=checkpoint.partition,
                profiles=len(checkpoint.profiles),
                size_bytes=len(checkpoint.partition_state) + sum(map(len, checkpoint.profiles.values())),
                seconds=outside.monotonic_s() - started_s,
            )
        )
        await self._exchange(owned)

    async def _exchange(self, owned: Owned) -> None:
        """Tell the other partitions about shared templates, and hear from them."""
        outside, neighbours = self._outside, owned.scope.neighbours
        population = owned.scope.partition.population
        uses = neighbours.to_report(population)
        if uses:
            partition, now_s = owned.ownership.partition, outside.clock.now_s()
            answer = await until_answered(
                lambda: outside.population.exchange(partition, uses, now_s), outside.observer.store_retry
            )
            neighbours.hear(answer, population)
