"""What a detector may look at besides the windows of the client."""

from msgspec import Struct, field

from stream_detector.detection.features import Features
from stream_detector.detection.norms import Norms
from stream_detector.detection.text_norms import TextNorms
from stream_detector.domain.population import TemplateUse


class Context(Struct, frozen=True, gc=False):
    """The client's surroundings at the time of the evaluation."""

    now_s: float
    """Event time."""
    features: Features
    """The client's."""
    norms: Norms
    """What is usual in the client's segment."""
    template: TemplateUse
    """Clients of known account age that share the client's commonest template, all partitions together."""
    young_rate: float
    """Share of young accounts among all clients of known age, 0 to 1."""
    fresh_rate: float
    """Share of clients whose account was at most two days old when they were first seen, 0 to 1."""
    hot_templates: int
    """Templates that several clients share: how many tests of this kind are made."""
    released: tuple[int, ...] = ()
    """Models (`windows.models.model_hash`) that the population of the partition began to use within two days."""
    texts: TextNorms = field(default_factory=TextNorms)
    """What is usual in the texts of the client's segment."""
    elicitation: float = 0.5
    """What the purpose model thinks: probability that the client's traffic is elicitation, 0.5 for "cannot tell"."""
