"""reasoning_elicitation: many different prompts that ask for the reasoning itself."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.cue_shares import cued
from stream_detector.detection.detectors.yields import yield_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class ReasoningElicitation(Struct, frozen=True):
    """Prompts with the cue `REASONING`: how many different ones a day, and what share they are of all.

    The chain of thought is what a student model learns most from (DistillGuard: 67.8 % against 31.4 % on MATH). Honest
    clients ask for it now and then; to ask for it in hundreds of different prompts a day, or in a tenth of a busy key's
    prompts, is rare. The purpose model's odds, at most 3 either way, are a factor on the tail: it knows what the honest
    users of the cue look like, and learns from analysts. An application with an audit trail asks for reasoning in every
    prompt, too: so words alone say no more than `words`. But it brings long cases and wants a few lines on each, and a tutor
    shows the steps of one exercise; who collects reasoning brings a question and takes pages home. So the tail of the output
    tokens for an input token of these prompts is another factor, never a smaller one than that of the words.

    Misses: models that reason unasked, instructions in images, languages without words in the rules; beyond `words`,
    templates with long examples and gateways that do not count input tokens.

    Parameters: `min_prompts` before an opinion; `half`, distinct prompts a day that half of the honest users exceed; `words`,
    share of honest clients who ask for it in all that they do; `usual_yield`, the tail of answers that says nothing yet;
    `long_tokens` of an answer that holds a chain of thought and not a tutor's few steps.

    Reference: Muennighoff et al. 2025 (s1); DistillGuard 2026 (arXiv 2603.07835).

    >>> from stream_detector.detection.cues import Cue
    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=60.0, cues=Cue.REASONING)
    >>> reading = ReasoningElicitation().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "reasoning_elicitation"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 4.0

    min_prompts: int = 32
    half: float = 20.0
    words: float = 0.008
    usual_yield: float = 0.3
    long_tokens: float = 800.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.purposes
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        found = cued(window, Cue.REASONING, context, self.half)
        evidence = {
            "cue_share": found.share,
            "cued_prompts": found.fresh,
            "elicitation": context.elicitation,
            "output_ratio": window.reasoning.ratio(),
        }
        asked = min(1.0, self.words + found.tail)
        got = yield_tail(window.reasoning.ratio(), window.reasoning.answer_tokens(), self.long_tokens)
        bought = min(1.0, got / self.usual_yield)
        return Scored(1.0 - asked * max(asked, bought), evidence)
