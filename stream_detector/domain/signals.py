"""What detectors say: readings, and signals that carry them to fusion."""

from enum import StrEnum

from msgspec import Struct


class Family(StrEnum):
    """Kinds of evidence that are independent of each other. A block needs two of them (`detection.ladder`)."""

    VOLUME = "volume"
    TIMING = "timing"
    CONTENT = "content"
    NETWORK = "network"
    PARAMETERS = "parameters"
    BEHAVIOUR = "behaviour"
    """The whole feature vector is unlike the client's segment."""
    COORDINATION = "coordination"
    ANALYST = "analyst"
    """A person looked at the client and confirmed the suspicion."""


class Scored(Struct, frozen=True, gc=False):
    """A detector's opinion."""

    suspicion: float
    """0 to 1: one minus the probability that an honest client shows this much, under the detector's own null model."""
    evidence: dict[str, float]
    """The numbers behind it, for the analyst; names carry units."""


class Warming(Struct, frozen=True, gc=False):
    """Too little seen to have an opinion. Never treated as "not suspicious"."""

    seen: float
    needed: float


Reading = Scored | Warming


class Signal(Struct, frozen=True, gc=False):
    """A reading on its way to fusion."""

    detector: str
    family: Family
    reading: Reading
