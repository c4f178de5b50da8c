"""output_yield: more comes out than goes in, answer after long answer."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.yields import yield_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class OutputYield(Struct, frozen=True):
    """Output tokens for every input token, where answers are long.

    A copy is made of answers: a question of one line, or a header that is as short as it can be, and pages in return.
    Programs work the other way round: they bring context, documents and conversations, and want a label, a summary or the next
    step. Of 221 honest programs 10 % got more than half a token for a token, 2.7 % more than one, one more than two. People
    who ask single questions get two or three, in short answers: so the ratio is made less, by the square, where answers are
    shorter than something explained would be. Writers of texts, stories and test data look the same: hence the ceiling.

    Misses: evaluations and graders, who want little; templates with long examples; gateways that do not count input tokens.

    Parameters: `min_calls` before an opinion; `long_tokens` of an answer that explains something. The tail (`yields`) lies ten
    times above those programs, because smaller ones may differ, and because beside hard and steady work little more is needed
    for a throttle.

    Reference: ServeGen (arXiv 2505.09999), token counts of 221 clients; Azure LLM inference trace 2023: 1,155 tokens in and
    211 out.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=20, gap_s=1.0)
    >>> OutputYield().score(profile, example_context(profile))
    Warming(seen=20.0, needed=32.0)
    """

    name: ClassVar[str] = "output_yield"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 1.3

    min_calls: int = 32
    long_tokens: float = 500.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        calls = profile.calls
        if calls < self.min_calls or profile.budget.input_tokens <= 0:
            return Warming(float(min(calls, self.min_calls - 1)), float(self.min_calls))
        ratio, answer_tokens = profile.budget.output_ratio(), context.features.tokens_per_call
        evidence = {"output_ratio": ratio, "answer_tokens": answer_tokens}
        return Scored(1.0 - yield_tail(ratio, answer_tokens, self.long_tokens), evidence)
