"""data_generation: the model writes training data: instructions, tasks, dialogues, harder prompts."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.cue_shares import cued
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class DataGeneration(Struct, frozen=True):
    """Prompts with the cue `DATA_GENERATION`: how many different ones a day, and what share they are of all.

    Alpaca and its successors have the model invent instructions and answer them, Evol-Instruct has it make prompts
    harder, Baize has it talk to itself. The purpose model's odds are a factor on the tail, as in `reasoning_elicitation`.

    Misses: bare questions whose answers become the data (`coverage` sees those). Teams that generate test data for their
    own products look the same: hence the ceiling.

    Parameters: `min_prompts` before an opinion; `half`, distinct prompts a day that half of the honest users exceed.

    Reference: Taori et al. 2023 (Alpaca); WizardLM (arXiv 2304.12244); Baize (arXiv 2304.01196).

    >>> from stream_detector.detection.cues import Cue
    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=60.0, cues=Cue.DATA_GENERATION)
    >>> reading = DataGeneration().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "data_generation"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 2.5

    min_prompts: int = 32
    half: float = 20.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.purposes
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        found = cued(window, Cue.DATA_GENERATION, context, self.half)
        evidence = {"cue_share": found.share, "cued_prompts": found.fresh, "elicitation": context.elicitation}
        return Scored(1.0 - found.tail, evidence)
