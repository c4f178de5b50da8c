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


class Peaks(Struct, frozen=True):
    """The most that detectors said of a client on one UTC day."""

    client: str
    family: str
    """Empty for an honest client."""
    evidence: dict[str, float]
    """Detector -> evidence, before `fuse.POWER`."""


class BatchOutcome(Struct, frozen=True, kw_only=True):
    """One batch."""

    seed: int
    population: str
    cells: tuple[CellOutcome, ...]
    people: dict[str, Tenure]
    """Honest clients."""
    trials: dict[str, Trial]
    """"as it is", "without DETECTOR" and "threshold RISK": all from kept evaluations."""
    peaks: tuple[Peaks, ...]
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
