"""Observer for offline runs: adds up what the summary needs."""

from collections import Counter

from stream_detector.domain.decisions import Action, Mode
from stream_detector.domain.errors import RejectReason
from stream_detector.ports import CheckpointReport, ChunkReport


class Tally:
    """Implements `ports.Observer`."""

    def __init__(self) -> None:
        self.calls = 0
        self.rejected: Counter[RejectReason] = Counter()
        self.decisions: Counter[tuple[Action, Mode]] = Counter()
        self.acted_on: set[str] = set()
        """Subjects with an enforced decision, as `kind:key`."""

    def chunk(self, report: ChunkReport) -> None:
        """Add a micro-batch."""
        self.calls += report.calls
        self.rejected.update(report.rejected)
        for decision in report.decisions:
            self.decisions[decision.action, decision.mode] += 1
            if decision.mode is Mode.ENFORCE:
                self.acted_on.add(f"{decision.subject.kind}:{decision.subject.key}")

    def checkpoint(self, report: CheckpointReport) -> None:
        """Offline nothing is saved."""

    def unsaved_since(self, seconds: float, profiles_in_memory: int) -> None:
        """Offline nothing is saved."""

    def released(self, partition: int) -> None:
        """Offline nothing is saved."""

    def store_retry(self) -> None:
        """The store in memory always answers."""

    def summary(self) -> str:
        """A few lines for people."""
        lines = [f"{self.calls:,} calls observed, {self.rejected.total():,} dead-lettered"]
        lines += [f"  dead-lettered as {reason}: {count:,}" for reason, count in self.rejected.most_common()]
        lines += [
            f"  decisions to {action} ({mode}): {count:,}" for (action, mode), count in sorted(self.decisions.items())
        ]
        lines.append(f"{len(self.acted_on):,} clients acted on")
        return "\n".join(lines)
