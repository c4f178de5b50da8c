"""What analysts' judgements change: how far a detector is trusted, what is normal in a segment, and the client itself.

Rules:
1. A judgement is heeded once, whoever repeats it, and in every partition: all may learn from it, one knows the client.
2. One dismissal explains one client: its evidence is excused up to what the analyst saw. More than that counts again.
3. Many dismissals explain a detector away, many confirmations restore it; neither is for ever (`MEMORY`).
"""

from collections.abc import Sequence

from msgspec import Struct, field

from stream_detector.domain.decisions import Reason
from stream_detector.domain.feedback import Feedback, Judgement

PRIOR = 8.0
"""Confirmations that every detector starts with."""
MEMORY = 200.0
"""At so many judgements of a detector its counts are halved."""
REFS_KEPT = 256


class Record(Struct, array_like=True, gc=False):
    """Judgements of clients against whom a detector spoke."""

    confirmed: float = 0.0
    dismissed: float = 0.0

    def trust(self) -> float:
        """Factor on the detector's evidence, above 0 and at most 1."""
        return (PRIOR + self.confirmed) / (PRIOR + self.confirmed + self.dismissed)


class Experience(Struct, array_like=True):
    """What a partition has learned from analysts."""

    records: dict[str, Record] = field(default_factory=dict)
    """Detector -> its record."""
    refs: list[str] = field(default_factory=list)
    """Judgements heeded of late."""

    def is_new(self, feedback: Feedback) -> bool:
        """Whether this judgement is heard for the first time; it is not the next time."""
        if feedback.ref in self.refs:
            return False
        self.refs.append(feedback.ref)
        del self.refs[:-REFS_KEPT]
        return True

    def learn(self, judgement: Judgement, reasons: Sequence[Reason]) -> None:
        """Count for or against each detector that spoke, by how loudly it did."""
        loudest = max((reason.weight for reason in reasons), default=0.0)
        for reason in reasons:
            record = self.records.setdefault(reason.detector, Record())
            part = reason.weight / loudest if loudest else 0.0
            if judgement is Judgement.CONFIRM:
                record.confirmed += part
            else:
                record.dismissed += part
            if record.confirmed + record.dismissed >= MEMORY:
                record.confirmed /= 2
                record.dismissed /= 2

    def trust(self, detector: str) -> float:
        """Factor on a detector's evidence, above 0 and at most 1."""
        record = self.records.get(detector)
        return 1.0 if record is None else record.trust()


class Judged(Struct, array_like=True):
    """What an analyst said of one client; part of its profile."""

    judgement: Judgement | None = None
    ts: float = 0.0
    excused: dict[str, float] = field(default_factory=dict)
    """Family -> evidence that the analyst found explained."""

    def dismissed(self, now_s: float, keep_s: float) -> bool:
        """Whether an analyst dismissed the suspicion at most `keep_s` ago."""
        return self.judgement is Judgement.DISMISS and now_s - self.ts <= keep_s

    def confirmed(self, now_s: float, keep_s: float) -> bool:
        """Whether an analyst confirmed the suspicion at most `keep_s` ago."""
        return self.judgement is Judgement.CONFIRM and now_s - self.ts <= keep_s


def judged(feedback: Feedback, reasons: Sequence[Reason]) -> Judged:
    """What the client's profile remembers of a judgement."""
    excused: dict[str, float] = {}
    if feedback.feedback is Judgement.DISMISS:
        for reason in reasons:
            excused[reason.family] = max(excused.get(reason.family, 0.0), reason.weight)
    return Judged(feedback.feedback, feedback.ts, excused)
