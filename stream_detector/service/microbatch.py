"""What became of one micro-batch, and what is reported of it."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Decision
from stream_detector.domain.verdicts import Settlement
from stream_detector.ports import ChunkReport
from stream_detector.service.intake import Intake


class Made(Struct, frozen=True, gc=False):
    """A decision and the wall time at which its cause was sent."""

    decision: Decision
    sent_ms: int


class Batch(Struct, frozen=True, kw_only=True):
    """One micro-batch that was handled."""

    partition: int
    records: int
    replayed: int
    intake: Intake
    made: Sequence[Made]
    settled: Mapping[Settlement, int]
    readings: Mapping[tuple[str, str], int]
    valve_open: bool

    def report(self, *, wall_s: float, seconds: float) -> ChunkReport:
        """For the observer.

        Args:
            wall_s: wall time by which the decisions were out.
            seconds: what it took.
        """
        return ChunkReport(
            partition=self.partition,
            records=self.records,
            calls=sum(isinstance(one.call, ApiCall) for one in self.intake.taken),
            replayed=self.replayed,
            rejected=[letter.reason for letter in self.intake.dead],
            decisions=[one.decision for one in self.made],
            decision_latencies_s=[max(0.0, wall_s - one.sent_ms / 1000) for one in self.made],
            readings=self.readings,
            settled=self.settled,
            valve_open=self.valve_open,
            seconds=seconds,
        )
