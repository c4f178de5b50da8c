"""Newness: how many different prompts, conversations and word sequences a client sends, and how many of them stand alone."""

import math

from msgspec import Struct, field

from stream_detector.detection.windows.distinct import Distinct, SlidingDistinct, estimate
from stream_detector.detection.windows.reaction import FAILED
from stream_detector.domain.calls import ApiCall, Sketch

DAY_S = 86_400.0
HOUR_S = 3600.0
SHINGLES = 2
"""Of each prompt: a sample is enough for a growth law."""
MEMORY_DAYS = 30.0
"""Time constant of the stock of fresh bare prompts, and of the days on which there were some."""
SWEEP_DAY = 500.0
"""Fresh bare prompts that make a day one of a sweep: more than a student's script sends. Half as many count a quarter."""
STUDY_DAY = 50.0
"""As many as make it a day of steady collecting; fewer count in proportion."""
HANDFUL = 5.0
_CARRIED = 0.15
"""Share of the known shingles that may count for a later day: their estimate grows in lumps of its standard error."""
BRIEF_CHARS = 24
"""A prompt of so few characters is no question: it opens like all the others, whatever number it ends with."""
ALONE_TOKENS = 32
"""A prompt stands alone if its call has at most so many more input tokens than the prompt has characters."""
TOLD_TOKENS = 100
"""Mean answer to a list of questions, at least: a device that reads answers out gets less, as does who wants a label."""
LONGEST_TOLD = 4 * TOLD_TOKENS
"""An answer counts as no longer, so that a few long ones do not make up for many words; nor do dummies hide the long ones."""


class NoveltyWindow(Struct, array_like=True):
    """Distinct prompts, heads, openings and shingles; the growth law of the shingles; how much was bare.

    A prompt is *bare* if nothing goes with it: no conversation (a head that comes again, input tokens that are not the
    prompt's), no prefix that it shares with the others (`openings`), it was never asked before, and answers are no mere words.
    """

    prompts: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(6, DAY_S))
    heads: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(6, DAY_S))
    openings: SlidingDistinct = field(default_factory=lambda: SlidingDistinct.of(5, DAY_S))
    shingles: Distinct = field(default_factory=lambda: Distinct.of(6))
    seen: int = 0
    half_seen: int = 0
    half_shingles: float = 0.0
    day: int = -1
    today: int = 0
    yesterday: int = 0
    alone: int = 0
    """Prompts of today that stand alone,"""
    alone_before: int = 0
    """and of yesterday."""
    told: int = 0
    """Tokens of the answers to prompts of today, each up to `LONGEST_TOLD`,"""
    told_before: int = 0
    """and of yesterday."""
    known: float = 0.0
    """Distinct shingles of a lifetime when today began, less those that were more than one a prompt,"""
    known_before: float = 0.0
    """and when yesterday began."""
    stock: float = 0.0
    """Fresh bare prompts of the days before today, exponentially forgotten over `MEMORY_DAYS`;"""
    sweep_days: float = 0.0
    """of those days the ones of a sweep, forgotten likewise,"""
    study_days: float = 0.0
    """and the ones of steady collecting;"""
    taken: float = 0.0
    """all of these prompts, never forgotten."""
    last_head: int = -1
    hours: int = 0
    """Hours of today in which a conversation began, a bit each,"""
    hours_before: int = 0
    """and of yesterday."""

    def observe(self, call: ApiCall) -> None:
        """Count the prompt of one call, if it has one."""
        sketch = call.sketch
        if sketch is None:
            return
        ts = call.ts
        day = int(ts // DAY_S)
        is_new_day = day > self.day
        if is_new_day:
            self._turn(day)
        self.today += 1
        self.seen += 1
        if is_alone(sketch, call.input_tokens):
            self.alone += 1
        self.told += told_by(call)
        if self.seen == 2 * self.half_seen or self.half_seen == 0:
            self.half_seen = self.seen
            self.half_shingles = self.shingles.count()
        self.prompts.add(ts, sketch.digest)
        if sketch.head != self.last_head or is_new_day:
            self.last_head = sketch.head
            self.heads.add(ts, sketch.head)
            self.openings.add(ts, opening_of(sketch))
            self.hours |= 1 << int(ts % DAY_S // HOUR_S)
        for shingle in sketch.shingles[:SHINGLES]:
            self.shingles.add(shingle)

    def _turn(self, day: int) -> None:
        known = self.shingles.count()
        if self.today:
            bare = self._bare_today(known)
            keep = math.exp((self.day - day) / MEMORY_DAYS)
            self.stock = (self.stock + bare) * keep
            self.sweep_days = (self.sweep_days + min(1.0, bare / SWEEP_DAY) ** 2) * keep
            self.study_days = (self.study_days + min(1.0, bare / STUDY_DAY)) * keep
            self.taken += bare
        is_next = day == self.day + 1
        before = (self.today, self.alone, self.told) if is_next else (0, 0, 0)
        self.yesterday, self.alone_before, self.told_before = before
        credited = max(self.known + min(known - self.known, self.today), known * (1.0 - _CARRIED))
        self.known_before = self.known if is_next else credited
        self.known = credited
        self.hours_before = self.hours if is_next else 0
        self.today = self.alone = self.told = self.hours = 0
        self.day = day

    def recent(self) -> int:
        """Prompts of the current and the previous day: what the distinct counts are over."""
        return self.today + self.yesterday

    def hours_awake(self, now_s: float) -> int:
        """In how many of the last 24 clock hours a conversation began."""
        passed = int(now_s // DAY_S) - self.day
        if passed > 1:
            return 0
        since_midnight = (2 << int(now_s % DAY_S // HOUR_S)) - 1
        if passed == 1:
            return (self.hours & ~since_midnight).bit_count()
        return (self.hours & since_midnight | self.hours_before & ~since_midnight).bit_count()

    def renewed(self) -> float:
        """How many of the recent prompts bring new words."""
        return self.fresh() * self.recent()

    def fresh(self) -> float:
        """Share of the recent prompts that bring new words: 1 for what was never asked, near 0 for a repeated test."""
        return min(1.0, (self.shingles.count() - self.known_before) / max(1, self.recent()))

    def bare(self, now_s: float, heads: float) -> float:
        """Fresh bare prompts of the current and the previous day; `heads`: distinct ones, which the caller has counted.

        0 without a closer look where repeated heads leave fewer than a handful, as with every application.
        """
        recent, alone, told = self.recent(), self.alone + self.alone_before, self.told + self.told_before
        if bareness(recent, alone, told, heads, heads) < HANDFUL:
            return 0.0
        return self.fresh() * bareness(recent, alone, told, heads, self.openings.count(now_s))

    def swept(self, bare: float) -> "Swept":
        """The sums over the month and the lifetime, today included; `bare`: as counted, nothing more to add if it is 0."""
        today = min(bare, self._bare_today(self.shingles.count())) if bare > 0 else 0.0
        return Swept(
            month=self.stock + today,
            sweep_days=self.sweep_days + min(1.0, today / SWEEP_DAY) ** 2,
            study_days=self.study_days + min(1.0, today / STUDY_DAY),
            lifetime=self.taken + today,
        )

    def _bare_today(self, known: float) -> float:
        heads, openings = estimate(self.heads.current), estimate(self.openings.current)
        fresh = min(1.0, (known - self.known) / max(1, self.today))
        return fresh * bareness(self.today, self.alone, self.told, heads, openings)

    def growth(self) -> float:
        """Heaps exponent of the shingles, d log U / d log N: 1 when every prompt is new, near 0 for one template."""
        if self.half_seen <= 1 or self.seen <= self.half_seen:
            return 1.0
        gained = math.log((self.shingles.count() + 1) / (self.half_shingles + 1))
        return max(0.0, min(1.0, gained / math.log(self.seen / self.half_seen)))


class Swept(Struct, frozen=True, gc=False):
    """Fresh bare prompts in the long run."""

    month: float
    """Slowly forgotten, as are the days."""
    sweep_days: float
    study_days: float
    lifetime: float


def is_alone(sketch: Sketch, input_tokens: int | None) -> bool:
    """Whether the call holds no more than the prompt."""
    return input_tokens is None or input_tokens <= sketch.chars + ALONE_TOKENS


def told_by(call: ApiCall) -> int:
    """Tokens of its answer, up to `LONGEST_TOLD`; of one that is unknown, or of a call that failed, as many as need be."""
    tokens = call.output_tokens
    if tokens is None or call.status in FAILED:
        return TOLD_TOKENS
    return min(tokens, LONGEST_TOLD)


def opening_of(sketch: Sketch) -> int:
    """Hash of the first words; the same for all brief prompts."""
    if sketch.chars <= BRIEF_CHARS:
        return 0
    return sketch.head if sketch.opening is None else sketch.opening


_ALONE_FLOOR = 0.1
"""Padding every call with a system prompt must not hide a sweep altogether."""
_OPENINGS = 5.0
"""Heads per opening that published question lists stay below or near: MMLU 1.5, GPTeacher 8; a short prefix has all."""


def bareness(prompts: int, alone: int, told: int, heads: float, openings: float) -> float:
    """How many of so many prompts are bare questions; each doubt counts squared, and that of brief answers once more."""
    if prompts == 0 or heads <= 0:
        return 0.0
    heads = min(heads, float(prompts))
    varied = min(1.0, _OPENINGS * openings / heads)
    explained = min(1.0, told / (TOLD_TOKENS * prompts))
    return heads * (heads / prompts * varied) ** 2 * max(_ALONE_FLOOR, (alone / prompts) ** 2) * explained**4
