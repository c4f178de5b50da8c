"""Everything the demo saw, written down as it happens. No I/O and no clock; `outcome.py` draws the conclusions.

All times are event time in seconds since 1970, unless a name says wall.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Action, Decision, Mode, SubjectKind


class Truth(Struct, frozen=True):
    """What the simulator knows about a client, and the detector must find out."""

    label: str
    """Name of the campaign, or the kind of honest client."""
    is_attacker: bool


class Answer(StrEnum):
    """What the gateway did with a call after asking the hook."""

    PASSED = "passed"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    UNANSWERED = "unanswered"
    """The hook gave no usable answer; the gateway let the call pass."""

    @property
    def is_refusal(self) -> bool:
        """Whether the caller got an error instead of an answer of the model."""
        return self in {Answer.THROTTLED, Answer.BLOCKED}


class SeenDecision(Struct, frozen=True):
    """A record of the decisions topic."""

    decision: Decision
    latency_ms: float
    """Wall time from the send of the causing call to the decision's record."""


class CallSeen(Struct, frozen=True, gc=False):
    """One call of a client or campaign, without its content."""

    ts: float
    is_refused: bool


class ClientRecord:
    """One client so far."""

    def __init__(self) -> None:
        self.calls = 0
        self.refused = 0
        self.decisions: list[SeenDecision] = []

    @property
    def latest(self) -> Decision | None:
        """The newest decision about this client."""
        return self.decisions[-1].decision if self.decisions else None


class Ledger:
    """The demo's book-keeping."""

    def __init__(self, truth: Mapping[str, Truth]) -> None:
        self.truth = truth
        self.clients: dict[str, ClientRecord] = {}
        self.campaigns: dict[str, list[CallSeen]] = {}
        self.minutes: Counter[tuple[int, Answer]] = Counter()
        """(minute of event time, answer) -> calls."""
        self.answers: Counter[Answer] = Counter()
        self.decisions: list[SeenDecision] = []
        self.actions: Counter[tuple[Action, Mode]] = Counter()
        """(action, mode) -> decisions."""
        self.dead_letters: list[DeadLetter] = []
        self.sent = 0
        """Events that the broker has confirmed."""
        self.unsent = 0
        """Events that the broker did not take."""
        self.observed = 0
        """Calls that the worker says it has handled."""

    @property
    def calls(self) -> int:
        """Calls made so far."""
        return self.answers.total()

    @property
    def refused(self) -> int:
        """Calls that got an error instead of an answer of the model."""
        return self.answers[Answer.THROTTLED] + self.answers[Answer.BLOCKED]

    @property
    def unsettled(self) -> int:
        """Events that are in the topic but not handled yet, as far as we know."""
        return self.sent - self.observed - len(self.dead_letters)

    def called(self, client: str, ts: float, answer: Answer) -> None:
        """A call was made and the gateway dealt with it."""
        record = self._client(client)
        record.calls += 1
        record.refused += answer.is_refusal
        self.answers[answer] += 1
        self.minutes[int(ts // 60), answer] += 1
        truth = self.truth.get(client)
        if truth is not None and truth.is_attacker:
            self.campaigns.setdefault(truth.label, []).append(CallSeen(ts, answer.is_refusal))

    def decided(self, decision: Decision, latency_ms: float) -> None:
        """A decision was published."""
        seen = SeenDecision(decision, latency_ms)
        self.decisions.append(seen)
        self.actions[decision.action, decision.mode] += 1
        if decision.subject.kind is SubjectKind.CLIENT:
            self._client(decision.subject.key).decisions.append(seen)

    def dead(self, letter: DeadLetter) -> None:
        """A call was dead-lettered."""
        self.dead_letters.append(letter)

    def _client(self, client: str) -> ClientRecord:
        return self.clients.setdefault(client, ClientRecord())
