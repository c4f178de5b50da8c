"""What for: prompts with cues, refusals, refused prompts that were asked again in other words, and the shape of prompts."""

from msgspec import Struct, field

from stream_detector.detection.cues import Cue
from stream_detector.detection.windows.distinct import SlidingDistinct
from stream_detector.domain.calls import ApiCall, Sketch

MEMORY = 512
"""At this many prompts all counts are halved."""
ATTEMPTS = 256
"""So are attempts at this many."""
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
REFUSALS = frozenset({"refusal", "filter"})
ANSWERS = frozenset({"stop", "length", "tool"})
NEAR_BITS = 12
"""Of 64 in the simhash: a few words of a prompt were changed; unrelated prompts differ in 32."""
BRIEF_TOKENS = 24
"""An answer that short grades, chooses or declines; it does not explain."""
_SAMPLED = 4
"""One prompt in so many is measured: a sample is enough for a mean."""
_REMEMBERED = 4
_PER_CUE = tuple(range(len(Cue)))
_DESCRIPTIVE = int(Cue.BENCHMARK)
_ELICITING = int(Cue.REASONING | Cue.REFUSAL | Cue.SYSTEM_PROMPT | Cue.VERBATIM)
"""A brief answer to these is a failure; to a grader or a generator it is not."""
_REASONING = int(Cue.REASONING)
_SEARCHED = _REASONING
"""What techniques are searched for. Refusals, system prompts and repetition are a red team's daily work as well."""


def _counts() -> list[int]:
    return [0] * len(Cue)


class Shape(Struct, array_like=True, gc=False):
    """Sums over sampled prompts, whole numbers so that they add up exactly."""

    sampled: int = 0
    length: int = 0
    """Bits of the number of characters."""
    distinct: int = 0
    """Percent of words that are distinct."""
    symbols: int = 0
    """Percent of characters that are symbols."""
    answer: int = 0
    """Bits of the number of output tokens."""
    brief: int = 0
    """Answers of at most `BRIEF_TOKENS`."""
    cold: int = 0
    """Requests with temperature 0."""

    def observe(self, call: ApiCall, sketch: Sketch) -> None:
        """Measure one prompt."""
        self.sampled += 1
        self.length += sketch.chars.bit_length()
        self.distinct += int(sketch.distinct_ratio * 100)
        self.symbols += int(sketch.symbol_ratio * 100)
        tokens = call.output_tokens
        if tokens is not None:
            self.answer += tokens.bit_length()
            if tokens <= BRIEF_TOKENS:
                self.brief += 1
        if call.params is not None and call.params.temperature == 0:
            self.cold += 1

    def halve(self) -> None:
        """Forget half of everything."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) >> 1)


class Trade(Struct, array_like=True, gc=False):
    """What went in and what came out, over calls that say both."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def observe(self, call: ApiCall) -> None:
        """Add one call."""
        if call.input_tokens and call.output_tokens:
            self.calls += 1
            self.input_tokens += call.input_tokens
            self.output_tokens += call.output_tokens

    def halve(self) -> None:
        """Forget half of everything."""
        self.calls >>= 1
        self.input_tokens >>= 1
        self.output_tokens >>= 1

    def ratio(self) -> float:
        """Output tokens for an input token; 0 where nobody counts them."""
        return self.output_tokens / self.input_tokens if self.input_tokens else 0.0

    def answer_tokens(self) -> float:
        """Mean length of an answer."""
        return self.output_tokens / self.calls if self.calls else 0.0


class PurposeWindow(Struct, array_like=True, gc=False):
    """Counts of about the last `MEMORY` prompts; distinct cue-bearing prompts of one to two days, beginnings of weeks."""

    seen: int = 0
    cued: int = 0
    """Prompts with a cue other than `BENCHMARK`, which only describes."""
    by_cue: list[int] = field(default_factory=_counts)
    prompts: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    """Distinct prompts with such a cue."""
    answered: int = 0
    refused: int = 0
    turned: int = 0
    """Refused prompts that were answered once a few words were changed."""
    remembered: list[int] = field(default_factory=list)
    """Simhashes of refused prompts that may still turn."""
    relented: int = 0
    """Refusals that the answer to another prompt followed at once."""
    last_refused: int = 0
    """Digest of the prompt before, if it was refused; 0 otherwise."""
    heads: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(4, WEEK_S))
    """Distinct beginnings of failed attempts to get at the model's reasoning."""
    last_head: int = -1
    attempts: int = 0
    """Cue-bearing prompts that begin unlike the cue-bearing one before."""
    failures: int = 0
    """Attempts to elicit what is not for sale that were refused or answered briefly."""
    shape: Shape = field(default_factory=Shape)
    reasoning: Trade = field(default_factory=Trade)
    """Of the prompts that ask for reasoning."""

    def observe(self, call: ApiCall) -> None:
        """Count one call; its `sketch` must be there."""
        sketch = call.sketch
        if sketch is None:
            return
        if self.seen >= MEMORY:
            self._halve()
        self.seen += 1
        if not self.seen % _SAMPLED:
            self.shape.observe(call, sketch)
        finish = call.finish
        if finish in REFUSALS:
            self._refuse(sketch)
        elif finish in ANSWERS:
            self.answered += 1
            if self.last_refused:
                self.relented += self.last_refused != sketch.digest
                self.last_refused = 0
            if self.remembered:
                self._turn(sketch)
        if sketch.cues:
            self._cue(call, sketch)

    def _refuse(self, sketch: Sketch) -> None:
        self.refused += 1
        self.last_refused = sketch.digest
        self.remembered.append(int.from_bytes(sketch.simhash, "little"))
        del self.remembered[:-_REMEMBERED]

    def _turn(self, sketch: Sketch) -> None:
        """An answered prompt takes what it is near to, not equal, off the list: each refusal turns once at most."""
        simhash = int.from_bytes(sketch.simhash, "little")
        for index, other in enumerate(self.remembered):
            if 0 < (simhash ^ other).bit_count() <= NEAR_BITS:
                self.turned += 1
                del self.remembered[index]
                return

    def _cue(self, call: ApiCall, sketch: Sketch) -> None:
        cues = sketch.cues
        for index in _PER_CUE:
            if cues >> index & 1:
                self.by_cue[index] += 1
        if cues == _DESCRIPTIVE:
            return
        if cues & _REASONING:
            self.reasoning.observe(call)
        self.cued += 1
        self.prompts.add(call.ts, sketch.digest)
        if sketch.head != self.last_head:
            self.last_head = sketch.head
            self._attempt(call, sketch)

    def _attempt(self, call: ApiCall, sketch: Sketch) -> None:
        if self.attempts >= ATTEMPTS:
            self.attempts >>= 1
            self.failures >>= 1
        self.attempts += 1
        brief = call.output_tokens is not None and call.output_tokens <= BRIEF_TOKENS
        if sketch.cues & _ELICITING and (call.finish in REFUSALS or (brief and call.finish in ANSWERS)):
            self.failures += 1
            if sketch.cues & _SEARCHED:
                self.heads.add(call.ts, sketch.head)

    def _halve(self) -> None:
        self.seen >>= 1
        self.cued >>= 1
        self.answered >>= 1
        self.refused >>= 1
        self.turned >>= 1
        self.relented >>= 1
        self.by_cue = [count >> 1 for count in self.by_cue]
        self.shape.halve()
        self.reasoning.halve()

    def count(self, cue: Cue) -> int:
        """How many of the last `seen` prompts have this cue (one bit)."""
        return self.by_cue[cue.bit_length() - 1]
