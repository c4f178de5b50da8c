"""What every detector is."""

from typing import ClassVar, Protocol

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading


class Detector(Protocol):
    """Scores a profile; holds settings only. Every detector passes `tests/conformance/test_detectors.py`."""

    name: ClassVar[str]
    family: ClassVar[Family]
    ceiling: ClassVar[float]
    """The most evidence it may contribute, in -log10 of a probability: 2 is "one honest client in a hundred"."""

    def score(self, profile: Profile, context: Context) -> Reading:
        """Give an opinion; pure: neither argument changes."""
