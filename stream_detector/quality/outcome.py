"""What came of one batch, small enough to be sent from process to process."""

from msgspec import Struct

from stream_detector.quality.figures import CampaignFigures
from stream_detector.quality.honest import Tenure
from stream_detector.quality.matrix import Cell


class CellOutcome(Struct, frozen=True):
    """One campaign of the matrix."""

    cell: Cell
    figures: CampaignFigures


class Trial(Struct, frozen=True, kw_only=True):
    """Another way to decide, or another detector, on the same traffic."""

    found: dict[str, bool]
    """Campaign -> whether it was found."""
    leaked: dict[str, float]
    """Campaign -> share of its calls before it was throttled."""
    days: int
    """Honest client-days."""
    acted_on: int
    """Of these."""


class BatchOutcome(Struct, frozen=True, kw_only=True):
    """One batch."""

    seed: int
    population: str
    cells: tuple[CellOutcome, ...]
    people: dict[str, Tenure]
    """Honest clients."""
    trials: dict[str, Trial]
    """"as it is", "without DETECTOR" and "threshold RISK": all from kept evaluations."""
    calls: int
    evaluations: int
    engine_s: float
    """Wall time of the engine, of simulating the campaigns and of reading the rest."""


class ContestOutcome(Struct, frozen=True, kw_only=True):
    """What rivals made of all campaigns beside one population."""

    seed: int
    rivals: dict[str, Trial]
    calls: int
    seconds: float
    """Wall time."""
