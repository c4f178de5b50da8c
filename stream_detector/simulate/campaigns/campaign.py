"""The settings of a campaign."""

import math
from enum import StrEnum

from msgspec import Struct


class Family(StrEnum):
    """Kinds of campaigns: what is asked, or how a campaign moves over time (`carries` then says what it asks)."""

    HOT_DISTILLER = "hot_distiller"
    EVOLVED_INSTRUCTIONS = "evolved_instructions"
    BARE_QUESTIONS = "bare_questions"
    RUBRIC_JUDGE = "rubric_judge"
    REASONING_EXTRACTION = "reasoning_extraction"
    LOGIT_PROBER = "logit_prober"
    CAPABILITY_SWEEP = "capability_sweep"
    BOUNDARY_PROBING = "boundary_probing"
    TECHNIQUE_SEARCH = "technique_search"
    TEMPLATE_POOL = "template_pool"
    RELEASE_PIVOT = "release_pivot"
    RAMP = "ramp"
    LOW_AND_SLOW = "low_and_slow"
    TAKEOVER = "takeover"


class Cover(StrEnum):
    """Whose honest calls a mix holds."""

    OWNER = "owner"
    """A person's or an app's who uses the key as well: other times, other addresses, other software."""
    DECOYS = "decoys"
    """Nobody's: the campaign's own workers send a person's questions now and then."""


class Age(StrEnum):
    """How old an account is when its campaign starts."""

    FRESH = "fresh"
    """An hour to three days."""
    WEEKS = "weeks"
    """Two to eight weeks."""
    AGED = "aged"
    """100 to 600 days: bought."""


class Network(StrEnum):
    """How a campaign reaches the API."""

    SERVERS = "servers"
    """One or a few machines in a public cloud."""
    RESIDENTIAL = "residential"
    """Rented connections of other people, another one every few minutes."""
    VPN = "vpn"
    """A dozen exits of VPN and hosting companies, another one every few hours."""
    HOME = "home"
    """One line at somebody's home."""


class Harness(StrEnum):
    """The software between a campaign and the API."""

    DRIVER = "driver"
    """The family's own script."""
    RELAY = "relay"
    """A relay for shared accounts: one user agent, streamed answers, made-up ids of end users."""
    FRAMEWORK = "framework"
    """A public agent framework, whose long header precedes every prompt, as with many honest apps."""


class Language(StrEnum):
    """What a campaign asks in."""

    ENGLISH = "english"
    CHINESE = "chinese"
    GERMAN = "german"
    SPANISH = "spanish"
    MIXED = "mixed"
    """Each call in one of them."""


class Template(StrEnum):
    """What is constant in the prompts of a campaign."""

    FIXED = "fixed"
    """One wording, drawn from the seed."""
    PARAPHRASED = "paraphrased"
    """Every call in other words, as a language model rewrites them."""
    NONE = "none"
    """Nothing: the bare task."""


class Probe(StrEnum):
    """What a logit prober varies, behind one prefix."""

    VOCABULARY = "vocabulary"
    """`logit_bias` lifts a few tokens at a time into `top_logprobs`."""
    BISECTION = "bisection"
    """One token at a time: its bias is doubled, then bisected, until the answer flips."""
    LOGPROBS = "logprobs"
    """No bias: `top_logprobs` of one token after every beginning of a text."""


CARRIED = frozenset(
    {
        Family.HOT_DISTILLER,
        Family.EVOLVED_INSTRUCTIONS,
        Family.BARE_QUESTIONS,
        Family.RUBRIC_JUDGE,
        Family.REASONING_EXTRACTION,
        Family.CAPABILITY_SWEEP,
        Family.TEMPLATE_POOL,
    }
)
"""Families whose questions a moving campaign can carry."""


class Campaign(Struct, frozen=True, kw_only=True):
    """Settings of one campaign. Where None is allowed, it stands for what the family's source does.

    Raises:
        ValueError: from the constructor, when a number is out of its range.
    """

    id: str
    family: Family
    accounts: int = 1
    calls_per_account_day: float
    """Honest calls of the mix included; whatever the scenario's scale. Of a ramp: in its first week."""
    start_after_s: float = 0.0
    """Seconds from the start of the scenario."""
    mix: float = 0.0
    """Share of calls that are honest, 0 to 1."""
    jitter: float = 0.1
    """Pauses differ by up to this share of themselves, 0 to 1."""
    cover: Cover = Cover.OWNER
    age: Age | None = None
    network: Network | None = None
    harness: Harness = Harness.DRIVER
    language: Language = Language.ENGLISH
    template: Template | None = None
    """None: the header in `headers.toml`, the same for every seed, of a hot distiller and a template pool; else fixed,
    but for bare questions."""
    probe: Probe = Probe.VOCABULARY
    """Of a logit prober."""
    carries: Family | None = None
    """What a release pivot, a ramp, a low-and-slow campaign or a takeover asks: one of `CARRIED`; None: drawn from the seed."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("accounts", 1, math.inf),
            ("mix", 0, 1),
            ("jitter", 0, 1),
            ("start_after_s", 0, math.inf),
        ):
            if not low <= getattr(self, name) <= high:
                message = f"campaign {self.id}: {name} must be from {low} to {high}, got {getattr(self, name)}"
                raise ValueError(message)
        if not 0 < self.calls_per_account_day < math.inf:
            message = f"campaign {self.id}: calls_per_account_day must be above 0, got {self.calls_per_account_day}"
            raise ValueError(message)
        if self.carries is not None and self.carries not in CARRIED:
            message = f"campaign {self.id}: carries must be one of {', '.join(sorted(CARRIED))}, got {self.carries}"
            raise ValueError(message)


PUBLISHED = (
    Campaign(id="hot-distiller", family=Family.HOT_DISTILLER, calls_per_account_day=6_000),
    Campaign(id="bare-questions", family=Family.BARE_QUESTIONS, accounts=2, calls_per_account_day=4_000),
    Campaign(id="logit-prober", family=Family.LOGIT_PROBER, calls_per_account_day=40_000),
    Campaign(id="template-pool", family=Family.TEMPLATE_POOL, accounts=16, calls_per_account_day=150, jitter=0.3),
)
"""Four campaigns, sized to be seen within a simulated day. The pool's pauses are a dispatcher's: less regular."""
