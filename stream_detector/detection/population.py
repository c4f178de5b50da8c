"""Who shares a template, joined with what the other partitions report; and which models are new to everybody.

Every client belongs to one partition, so that partitions can count their own members exactly and add up.
"""

from collections.abc import Mapping

from msgspec import Struct, field

from stream_detector.detection.profile import Profile
from stream_detector.domain.population import TemplateUse

YOUNG_S = 30 * 86_400.0
"""An account younger than this is young."""
FRESH_S = 2 * 86_400.0
"""An account is fresh for two days."""
KEEP_S = 7 * 86_400.0
"""A template that no new client has taken up for so long is forgotten."""
MAX_TEMPLATES = 4096
MAX_HEADS_PER_CLIENT = 4
"""A client is counted for its first templates only, so that it never counts twice for one."""
HOT_MEMBERS = 3
TURN = 256
"""Unchanged templates to exchange in one go."""
MAX_MODELS = 256
"""Names that a partition remembers; those that hardly anybody uses make room."""
HISTORY_S = 7 * 86_400.0
"""Before so much history nothing counts as new."""
RELEASED_S = 2 * 86_400.0
"""A model is new for so long after its first call."""
RELEASED_CLIENTS = 3
"""A model that fewer clients call is somebody's own, not a release."""
_MIN_PROMPTS = 8
_MIN_SHARE = 0.2
NOBODY = TemplateUse(0, 0)


class _Template(Struct, array_like=True, gc=False):
    members: int = 0
    young: int = 0
    newest_ts: float = 0.0


class _Model(Struct, array_like=True, gc=False):
    first_ts: float = 0.0
    clients: int = 0


class Neighbours:
    """What the other partitions say, and what they have not heard from us; not part of the saved state."""

    __slots__ = ("_cursor", "elsewhere", "unreported")

    def __init__(self) -> None:
        self.elsewhere: dict[int, TemplateUse] = {}
        self.unreported: set[int] = set()
        self._cursor = 0

    def to_report(self, population: "Population") -> dict[int, TemplateUse]:
        """Absolute counts to exchange: what changed, and in turn `TURN` others, because their neighbours change too."""
        heads = list(population.templates)
        turn = heads[self._cursor : self._cursor + TURN]
        self._cursor = self._cursor + TURN if self._cursor + TURN < len(heads) else 0
        chosen = self.unreported.intersection(heads).union(turn)
        self.unreported.clear()
        return {head: population.use_of(head) for head in sorted(chosen)}

    def hear(self, uses: Mapping[int, TemplateUse], population: "Population") -> None:
        """Take in the answer of an exchange."""
        self.elsewhere.update(uses)
        if len(self.elsewhere) > MAX_TEMPLATES:
            self.elsewhere = {head: use for head, use in self.elsewhere.items() if head in population.templates}


class Population(Struct, array_like=True):
    """One partition's part of the population."""

    known: int = 0
    """Clients whose account's age is known."""
    young: int = 0
    fresh: int = 0
    """Clients whose account was at most `FRESH_S` old when first seen."""
    hot: int = 0
    """Templates with at least `HOT_MEMBERS` members here."""
    templates: dict[int, _Template] = field(default_factory=dict)
    models: dict[int, _Model] = field(default_factory=dict)
    """By hash of the name."""
    since_ts: float = -1.0
    """Event time of the first client."""
    newest_model_ts: float = -1.0

    def meet(self, profile: Profile) -> None:
        """Count a new client."""
        if self.since_ts < 0:
            self.since_ts = profile.first_ts
        if profile.created_ts >= 0:
            self.known += 1
            self.young += is_young(profile)
            self.fresh += profile.first_ts - profile.created_ts <= FRESH_S

    def sight(self, profile: Profile) -> int | None:
        """Count the client as a member of its commonest template, once; returns the template if it did."""
        if profile.created_ts < 0:
            return None
        head, share = profile.templates.top()
        if share < _MIN_SHARE or profile.templates.heads[head] < _MIN_PROMPTS:
            return None
        if head in profile.sighted or len(profile.sighted) >= MAX_HEADS_PER_CLIENT:
            return None
        profile.sighted.append(head)
        template = self.templates.get(head)
        if template is None:
            self._make_room(profile.last_ts)
            template = self.templates[head] = _Template()
        template.members += 1
        template.young += is_young(profile)
        template.newest_ts = max(template.newest_ts, profile.last_ts)
        self.hot += template.members == HOT_MEMBERS
        return head

    def spot(self, profile: Profile) -> None:
        """Count the client for the models that it has taken up, once each."""
        for name in profile.models.taken_up:
            model = self.models.get(name)
            if model is None:
                if len(self.models) >= MAX_MODELS and not self._forget_rare_models(profile.last_ts):
                    continue
                model = self.models[name] = _Model(profile.last_ts)
                self.newest_model_ts = max(self.newest_model_ts, profile.last_ts)
            model.clients += 1
        profile.models.taken_up.clear()

    def released(self, now_s: float) -> tuple[int, ...]:
        """Models that the population began to use a short while ago; none before there is a history."""
        if now_s - self.newest_model_ts > RELEASED_S:
            return ()
        earliest_ts = max(self.since_ts + HISTORY_S, now_s - RELEASED_S)
        return tuple(
            name
            for name, model in self.models.items()
            if model.first_ts >= earliest_ts and model.clients >= RELEASED_CLIENTS
        )

    def _forget_rare_models(self, now_s: float) -> bool:
        """Make room, but never forget a model in use: it would look new when it is seen again."""
        self.models = {
            name: model
            for name, model in self.models.items()
            if model.clients >= RELEASED_CLIENTS or now_s - model.first_ts < RELEASED_S
        }
        return len(self.models) < MAX_MODELS

    def use_of(self, head: int) -> TemplateUse:
        """Members of a template in this partition."""
        here = self.templates.get(head)
        return NOBODY if here is None else TemplateUse(here.members, here.young)

    def young_rate(self) -> float:
        """Share of young accounts, with a prior of one in twenty."""
        return (self.young + 1) / (self.known + 20)

    def fresh_rate(self) -> float:
        """Share of fresh accounts, with a prior of one in fifty."""
        return (self.fresh + 1) / (self.known + 50)

    def _make_room(self, now_s: float) -> None:
        if len(self.templates) < MAX_TEMPLATES:
            return
        kept = {head: t for head, t in self.templates.items() if now_s - t.newest_ts < KEEP_S}
        if len(kept) >= MAX_TEMPLATES:
            loneliest = sorted(kept, key=lambda head: (kept[head].members, kept[head].newest_ts))
            for head in loneliest[: MAX_TEMPLATES // 8]:
                del kept[head]
        self.templates = kept
        self.hot = sum(t.members >= HOT_MEMBERS for t in kept.values())


def is_young(profile: Profile) -> bool:
    """Whether the account was young when it was first seen; False where its age is not known."""
    if profile.created_ts < 0:
        return False
    return profile.first_ts - profile.created_ts < YOUNG_S
