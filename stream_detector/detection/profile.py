"""All that is remembered of one client: its windows, and where it stands on the policy ladder."""

from msgspec import Struct, field

from stream_detector.detection.feedback import Judged
from stream_detector.detection.windows.budget import BudgetWindow
from stream_detector.detection.windows.gaps import GapWindow
from stream_detector.detection.windows.habits import HabitWindow
from stream_detector.detection.windows.hours import HoursWindow
from stream_detector.detection.windows.lanes import LaneWindow
from stream_detector.detection.windows.models import ModelWindow
from stream_detector.detection.windows.network import NetworkWindow
from stream_detector.detection.windows.novelty import NoveltyWindow
from stream_detector.detection.windows.parameters import ParameterWindow
from stream_detector.detection.windows.purposes import PurposeWindow
from stream_detector.detection.windows.rate import RateWindow
from stream_detector.detection.windows.reaction import ReactionWindow
from stream_detector.detection.windows.templates import TemplateWindow
from stream_detector.detection.windows.texts import TextWindow
from stream_detector.detection.windows.weeks import WeekWindow
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Mode

EVALUATE_CALLS = 16
"""A client is evaluated after so many calls;"""
EVALUATE_MOST_CALLS = 64
"""a busy one, after a sixteenth of its lifetime's calls, at most so many,"""
EVALUATE_BUSY_S = 300.0
"""and at most this time, as long as nothing speaks against it;"""
EVALUATE_CALM = 0.15
"""which is so up to this risk."""
EVALUATE_S = 1800.0
"""Any client is evaluated after this time,"""
EVALUATE_MIN_CALLS = 5
"""if it made at least so many calls."""


class Standing(Struct, array_like=True, gc=False):
    """Where a client stands on the ladder."""

    action: Action = Action.ALLOW
    mode: Mode = Mode.ENFORCE
    expires_at: float = 0.0
    """Event time; 0 for none."""
    strikes: int = 0
    """Decisions so far: each one makes the next one last longer."""
    risk: float = 0.0
    """Of the last evaluation."""


class Profile(Struct, array_like=True):
    """One client. Stored in at most 2 KB (tested)."""

    first_ts: float = -1.0
    last_ts: float = -1.0
    created_ts: float = -1.0
    """When the account was made, as the gateway says; -1 where it does not."""
    calls: int = 0
    tier: str = ""
    evaluated_calls: int = 0
    evaluated_ts: float = 0.0
    learned_hour: int = -1
    """Event hour in which its segment last learned from it."""
    votes: int = 0
    """How often its segment learned from it."""
    counted_slot: int = -1
    """Ten-minute slot in which the safety valve last counted it as active."""
    sighted: list[int] = field(default_factory=list)
    """Template heads that the population has counted it for."""
    rate: RateWindow = field(default_factory=RateWindow)
    gaps: GapWindow = field(default_factory=GapWindow)
    templates: TemplateWindow = field(default_factory=TemplateWindow)
    novelty: NoveltyWindow = field(default_factory=NoveltyWindow)
    network: NetworkWindow = field(default_factory=NetworkWindow)
    parameters: ParameterWindow = field(default_factory=ParameterWindow)
    budget: BudgetWindow = field(default_factory=BudgetWindow)
    standing: Standing = field(default_factory=Standing)
    judged: Judged = field(default_factory=Judged)
    hours: HoursWindow = field(default_factory=HoursWindow)
    weeks: WeekWindow = field(default_factory=WeekWindow)
    models: ModelWindow = field(default_factory=ModelWindow)
    reaction: ReactionWindow = field(default_factory=ReactionWindow)
    texts: TextWindow = field(default_factory=TextWindow)
    purposes: PurposeWindow = field(default_factory=PurposeWindow)
    habits: HabitWindow = field(default_factory=HabitWindow)
    lanes: LaneWindow = field(default_factory=LaneWindow)

    def observe(self, call: ApiCall) -> None:
        """Take one call into every window."""
        ts = call.ts
        if self.first_ts < 0:
            self._meet(call)
        if ts > self.last_ts:
            self.last_ts = ts
        self.calls += 1
        self.rate.observe(call)
        self.gaps.observe(call)
        self.hours.observe(call)
        self.lanes.observe(call)
        self.weeks.observe(call)
        self.models.observe(call)
        self.reaction.observe(call)
        self.network.observe(call)
        if call.params is not None:
            self.parameters.observe(call)
        self.budget.observe(call)
        self.habits.observe(call)
        sketch = call.sketch
        if sketch is not None:
            self.templates.observe(sketch)
            self.novelty.observe(call)
            self.texts.observe(call)
            self.purposes.observe(call)

    def _meet(self, call: ApiCall) -> None:
        self.first_ts = self.evaluated_ts = call.ts
        self.tier = call.tier or ""
        self.created_ts = -1.0 if call.client_created_ts is None else call.client_created_ts

    def due(self) -> bool:
        """Whether it is time to evaluate the client: not per call, or the budget of 40 us a call is gone.

        What matters is the share of a campaign that passes unseen, not the number of its calls. So a client with 1,000 calls
        and more, none of them suspicious, need not be looked at as often as a new one; from the first suspicion on it is.
        """
        fresh = self.calls - self.evaluated_calls
        if fresh < EVALUATE_MIN_CALLS:
            return False
        waited_s = self.last_ts - self.evaluated_ts
        if fresh < EVALUATE_CALLS:
            return waited_s >= EVALUATE_S
        if fresh >= EVALUATE_MOST_CALLS or fresh >= self.calls >> 4 or waited_s >= EVALUATE_BUSY_S:
            return True
        return self.standing.risk > EVALUATE_CALM
