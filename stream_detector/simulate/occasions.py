"""What is asked on particular occasions: a lesson, a study, a test of the provider, a new model."""

from collections.abc import Iterator
from itertools import chain, count, repeat
from random import Random

from msgspec import Struct

from stream_detector.simulate.grammar import english, languages
from stream_detector.simulate.outcome import Request
from stream_detector.simulate.products import stopped
from stream_detector.simulate.prompts import LETTERED, Style, lettered

PUBLIC_SETS = (("arithmetic", 1_300), ("sciences", 2_500), ("logic", 500), ("everyday", 80), ("knowledge", 6_000))
"""Question sets that anybody may download: name and size. Everybody's copy of one is the same."""
_LETTERED_SETS = frozenset({"sciences", "knowledge"})
_BARE = 0.5
"""Share of those who send public questions without any text of their own: plain choice."""


class Boundary(Struct, frozen=True):
    """How often a provider stops a test of its limits."""

    refused: float
    filtered: float


def starter(rng: Random) -> str:
    """What the teacher writes on the board."""
    return english().line(rng, "starter")


def pupil(rng: Random, own: Style, text: str) -> Iterator[Request]:
    """A pupil copies the starter, some with a word of their own, and goes on from there."""
    grammar = english()
    own_words = f" {grammar.line(rng, 'pupil')}" if rng.random() < 0.2 else ""  # noqa: PLR2004  plain choice
    yield own.ask(rng, text + own_words)
    for turn in count(1):
        yield own.ask(rng, grammar.line(rng, "pupil"), 150 * turn)


def public_set(name: str, size: int) -> Iterator[str]:
    """The questions of a public set, in its order."""
    rng, grammar = Random(f"public set {name}"), english()
    rules = rng.sample(grammar.groups["topics" if name == "everyday" else "exam"], 4)
    lines = (grammar.line(rng, rng.choice(rules)) for _ in range(size))
    return (lettered(rng, line) for line in lines) if name in _LETTERED_SETS else lines


def benchmarked(rng: Random, styles: tuple[Style, ...], calls: int, times: int) -> Iterator[Request]:
    """A public set, or the first questions of it, `times` times to each of several models, one model after the other."""
    name, size = rng.choice(PUBLIC_SETS)
    size = min(size, max(20, calls // (times * len(styles))))
    template = "%s" if rng.random() < _BARE else english().line(rng, "study_template")
    for own in chain.from_iterable(repeat(own, times) for own in styles):
        for question in public_set(name, size):
            yield own.ask(rng, template.replace("%s", question))


def studied(rng: Random, own: Style) -> Iterator[Request]:
    """Questions of a student's own study, each once, bare or in one template."""
    grammar = english()
    template = "%s" if rng.random() < _BARE else grammar.line(rng, "study_template")
    rules = rng.sample(grammar.groups["exam"], rng.randint(1, 4))
    is_lettered = rng.random() < LETTERED
    while True:
        question = grammar.line(rng, rng.choice(rules))
        yield own.ask(rng, template.replace("%s", lettered(rng, question) if is_lettered else question))


def attempts(rng: Random, own: Style, boundary: Boundary, language: str) -> Iterator[Request]:
    """A tester tries what a model must not do: now in other words, now in another language."""
    grammar, other = english(), languages().get(language)
    while True:
        text = grammar.line(rng, "redteam_frame")
        if other is not None and rng.random() < 0.2:  # noqa: PLR2004  plain choice
            text = f"{other.line(rng, 'note')} {text}"
        yield stopped(rng, own.ask(rng, text, rng.choice((0, 0, 200))), boundary.refused, boundary.filtered)


def suite(rng: Random, own: Style, boundary: Boundary, size: int) -> Iterator[Request]:
    """The collected attempts of a tester, from first to last and again."""
    grammar = english()
    texts = [grammar.line(rng, "redteam_frame") for _ in range(size)]
    while True:
        for text in texts:
            yield stopped(rng, own.ask(rng, text), boundary.refused, boundary.filtered)


def load(rng: Random, own: Style) -> Iterator[Request]:
    """A few prepared prompts in turn, or one with a running number."""
    grammar = english()
    texts = [grammar.line(rng, "load_text") for _ in range(rng.choice((1, 5, 50)))]
    is_numbered = rng.random() < 0.5  # noqa: PLR2004  plain choice
    for number in count():
        text = texts[number % len(texts)]
        yield own.ask(rng, f"{text} #{number}" if is_numbered else text)


def probes(rng: Random, own: Style) -> Iterator[Request]:
    """The shortest question there is, to see whether the provider is there."""
    text = english().line(rng, "probe")
    while True:
        yield own.ask(rng, text)
