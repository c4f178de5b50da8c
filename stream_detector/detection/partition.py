"""What the clients of one partition share; saved with its checkpoint."""

from msgspec import Struct, field

from stream_detector.detection.features import Features
from stream_detector.detection.feedback import Experience
from stream_detector.detection.kinds import Kinds
from stream_detector.detection.norms import Norms
from stream_detector.detection.population import Population
from stream_detector.detection.profile import Profile
from stream_detector.detection.purpose_model import PurposeModel, shipped_state
from stream_detector.detection.segment import MAX_SEGMENTS, OTHER, Segment
from stream_detector.detection.text_norms import TextNorms
from stream_detector.detection.valve import Valve


class Partition(Struct, array_like=True):
    """Segments, population windows, the safety valve, and what analysts said."""

    segments: dict[str, Segment] = field(default_factory=dict)
    kinds: Kinds = field(default_factory=Kinds)
    everyone: Norms = field(default_factory=Norms)
    population: Population = field(default_factory=Population)
    valve: Valve = field(default_factory=Valve)
    experience: Experience = field(default_factory=Experience)
    purposes: PurposeModel = field(default_factory=lambda: PurposeModel.from_state(shipped_state()))
    texts: TextNorms = field(default_factory=TextNorms)
    """Of all segments, for those that are new."""

    def segment(self, profile: Profile, features: Features) -> Segment:
        """The client's segment, tier and kind; made when it is new."""
        name = f"{profile.tier[:32]}/{self.kinds.of(features, profile.templates.seen)}"
        segment = self.segments.get(name)
        if segment is None:
            if len(self.segments) >= MAX_SEGMENTS:
                name = OTHER
            segment = self.segments.setdefault(name, Segment())
        return segment
