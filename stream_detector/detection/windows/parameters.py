"""How it asks: questions to the logits, and the same prompt under changing parameters."""

from functools import lru_cache

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64, mix64, settled
from stream_detector.detection.windows.distinct import SlidingDistinct
from stream_detector.domain.calls import ApiCall, Params

DAY_S = 86_400.0
ONE_TOKEN = 2
"""`max_tokens` up to this asks for logits rather than for text."""
MAX_VOTES = 64
"""The habit of years is given up after so many calls that differ."""
LONGEST_STEP = 8
"""Words by which a text may grow from probe to probe."""
GROWN = 4
"""Texts of any length, in any order, rarely grow so often in a row."""
NEAR_BITS = 8
"""Simhashes of two texts that differ in a word or two are at most so many bits apart;"""
GROWN_BITS = 16
"""those of a text of some dozen words and the same with a few more. Unrelated texts differ in 32."""


class ParameterWindow(Struct, array_like=True, gc=False):
    """Counts of the last one to two days: variants of parameters and prompts that they were tried on, tokens, repetition.

    A *variant* is what one call sets: temperature, top_p, n, top_logprobs, logit_bias. The variant of most calls is the
    client's habit (majority vote of Boyer and Moore 1981) and is left out, so that a few probes show beside much chat.
    A *logit call* asks for one token together with log probabilities or a bias: for numbers instead of text.
    """

    variants: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    varied: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    """Prompts of calls that leave the habit."""
    tokens: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    """Biased tokens of logit calls."""
    probed: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    """Prompts of logit calls."""
    seen: int = 0
    """Calls of a lifetime that state parameters at all; `biased`, `one_token` and `logprobs` are among them."""
    biased: int = 0
    one_token: int = 0
    logprobs: int = 0
    day: int = -1
    logits: int = 0
    """Logit calls of `day`,"""
    logits_before: int = 0
    """and of the day before."""
    stuck: int = 0
    """Logit calls of `day` whose prompt is as long as the one before, and the same but for a word or two,"""
    stuck_before: int = 0
    """and of the day before."""
    grown: int = 0
    """Likewise those whose prompt is one of some in a row that grow by a few words."""
    grown_before: int = 0
    last_words: int = -1
    last_simhash: int = 0
    run: int = 0
    """Of how many in a row each was near the one before, and no shorter."""
    habit: int = 0
    votes: int = 0

    def observe(self, call: ApiCall) -> None:
        """Count one call."""
        params = call.params
        if params is None:
            return
        self.seen += 1
        ts = call.ts
        bias = params.logit_bias
        logprobs = bool(params.logprobs or params.top_logprobs)
        one_token = params.max_tokens is not None and params.max_tokens <= ONE_TOKEN
        variant = _variant(params.temperature, params.top_p, params.n, params.top_logprobs)
        if bias:
            self.biased += 1
            variant = _with_bias(variant, bias)
        if logprobs:
            self.logprobs += 1
        if one_token:
            self.one_token += 1
            if logprobs or bias:
                self._observe_logits(ts, call, params)
        if variant != self.habit:
            self._leave_habit(ts, call, variant)
        elif self.votes < MAX_VOTES:
            self.votes += 1

    def _leave_habit(self, ts: float, call: ApiCall, variant: int) -> None:
        if self.votes:
            self.votes -= 1
        else:
            self.habit, self.votes = variant, 1
        self.variants.add(ts, variant)
        self.varied.add(ts, _prompt(call))

    def _observe_logits(self, ts: float, call: ApiCall, params: Params) -> None:
        day = int(ts // DAY_S)
        if day > self.day:
            is_next = day == self.day + 1
            before = (self.logits, self.stuck, self.grown) if is_next else (0, 0, 0)
            self.logits_before, self.stuck_before, self.grown_before = before
            self.logits = self.stuck = self.grown = 0
            self.day = day
        self.logits += 1
        self.probed.add(ts, _prompt(call))
        for token in params.logit_bias or ():
            self.tokens.add(ts, hash64(token))
        sketch = call.sketch
        if sketch is not None:
            simhash, step = int.from_bytes(sketch.simhash, "little"), sketch.words - self.last_words
            away = (simhash ^ self.last_simhash).bit_count()
            follows = away <= NEAR_BITS if step == 0 else 0 < step <= LONGEST_STEP and away <= GROWN_BITS
            self.run = self.run + 1 if follows else 0
            self.stuck += follows and step == 0
            self.grown += self.run >= GROWN
            self.last_words, self.last_simhash = sketch.words, simhash

    def repeats(self, now_s: float) -> float:
        """Logit calls per distinct prompt, in the day of `now_s` and the one before; 0 without any."""
        calls = _recent(self.logits, self.logits_before, int(now_s // DAY_S) - self.day)
        return calls / max(1.0, self.probed.count(now_s))

    def stuck_calls(self, now_s: float) -> float:
        """Logit calls that changed a word or two of the same prompt, counting less where others lie between them."""
        return self._alike(now_s, self.stuck, self.stuck_before)

    def grown_calls(self, now_s: float) -> float:
        """Logit calls that added some words to the same prompt, likewise."""
        return self._alike(now_s, self.grown, self.grown_before)

    def _alike(self, now_s: float, today: int, before: int) -> float:
        passed = int(now_s // DAY_S) - self.day
        alike, calls = _recent(today, before, passed), _recent(self.logits, self.logits_before, passed)
        return alike * (alike / max(1, calls)) ** 4

    def tries(self, now_s: float) -> float:
        """Variants per prompt, habit left out."""
        return self.variants.count(now_s) / max(1.0, self.varied.count(now_s))


def _recent(today: int, before: int, passed: int) -> int:
    """What was counted on the present day and the one before, so many days after `today`."""
    return 0 if passed > 1 else today + (before if passed < 1 else 0)


@lru_cache(maxsize=1 << 12)
def _variant(temperature: float | None, top_p: float | None, n: int | None, top_logprobs: int | None) -> int:
    """Few settings are in use; to write and hash them takes longer than all else here."""
    return hash64(f"{settled(temperature)}/{settled(top_p)}/{n}/{top_logprobs}")


def _with_bias(variant: int, bias: dict[str, float]) -> int:
    """The variant's hash, whatever the order of the tokens."""
    for token, value in bias.items():
        variant ^= mix64(hash64(token) + int(value * 1e6))
    return variant


def _prompt(call: ApiCall) -> int:
    """What tells prompts apart: the text's hash, or its length where there is no sketch."""
    return mix64(call.input_tokens or 0) if call.sketch is None else call.sketch.digest
