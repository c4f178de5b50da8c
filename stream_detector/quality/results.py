"""The result of a benchmark, as it is written to JSON."""

from msgspec import Struct

from stream_detector.quality.figures import FamilyFigures, HonestFigures


class OverSeeds(Struct, frozen=True):
    """A figure over seeds. None where no seed has campaigns of this kind."""

    mean: float | None
    low: float | None
    """Of the worst seed."""
    high: float | None


class FamilyResult(Struct, frozen=True, kw_only=True):
    """One family, or all of them."""

    family: str
    recall: dict[str, OverSeeds]
    """Slice of the matrix (`slices.SLICES`) -> recall."""
    busy: FamilyFigures | None
    """Figures of its campaigns of at least 100 calls per account and day that are not mixed, all seeds together."""
    every: FamilyFigures
    """Of all its campaigns, all seeds together."""


class Point(Struct, frozen=True, kw_only=True):
    """One way to decide: what it finds, and whom it hurts."""

    name: str
    recall: float
    """Of all campaigns."""
    busy_recall: float | None
    """Of those of the slice `busy`."""
    mixed_recall: float | None
    """Of those of the slice `mixed`."""
    leaked: float
    """Median share of a campaign's calls before its accounts were throttled."""
    honest_share: float | None
    """Honest client-days acted on."""
    by_family: dict[str, float]
    """Recall."""


class LeftOut(Struct, frozen=True, kw_only=True):
    """A family, met by a detector that never saw it."""

    family: str
    campaigns: int
    recall: float
    """Of the shipped detector, on the same campaigns."""
    unlearned: float
    """Of the one that never saw the family."""


class Target(Struct, frozen=True, kw_only=True):
    """What the project has promised, and what came of it."""

    name: str
    wanted: str
    measured: str
    met: bool


class CampaignRow(Struct, frozen=True, kw_only=True):
    """One campaign of one seed."""

    seed: int
    id: str
    family: str
    calls_per_account_day: float
    share: float
    """Of its calls that serve the campaign."""
    accounts: int
    variant: str
    found: bool
    acted_on: int
    blocked: int
    calls: int | None
    output_tokens: int | None
    first_throttle_s: float | None
    """After the campaign's first call."""
    first_block_s: float | None
    leaked_calls: int | None
    leaked_share: float | None
    leaked_planned_share: float | None
    leaked_tokens_share: float | None


class Result(Struct, frozen=True, kw_only=True):
    """Everything."""

    inputs: str
    seeds: tuple[int, ...]
    calls: int
    """Through the engine."""
    seconds: float
    """Wall time."""
    targets: tuple[Target, ...]
    overall: FamilyResult
    families: tuple[FamilyResult, ...]
    honest: HonestFigures
    classes: tuple[HonestFigures, ...]
    block_precision: OverSeeds
    at_budget: Point | None
    """The lowest threshold that acts on at most 0.1 % of honest client-days."""
    thresholds: tuple[Point, ...]
    rivals: tuple[Point, ...]
    as_it_is: Point | None
    """Decisions repeated from kept evaluations: what ablation is compared with."""
    ablation: tuple[Point, ...]
    """Without one detector each."""
    left_out: tuple[LeftOut, ...]
    """What is found of families that nothing was learned from."""
    campaigns: tuple[CampaignRow, ...]
