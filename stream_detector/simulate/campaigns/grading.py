"""Families that have the model mark answers, or that mark the model."""

from collections.abc import Iterator
from itertools import cycle, islice
from random import Random

import msgspec

from stream_detector.domain.calls import Params
from stream_detector.simulate import prompts
from stream_detector.simulate.campaigns import templates
from stream_detector.simulate.campaigns.campaign import Campaign, Language
from stream_detector.simulate.campaigns.members import Member, Part, Phase
from stream_detector.simulate.campaigns.wording import Layout, grammar_of, questions, tongue
from stream_detector.simulate.campaigns.wording import templates as wordings
from stream_detector.simulate.grammar import Grammar
from stream_detector.simulate.network import LIBRARIES
from stream_detector.simulate.outcome import Failures, Request

_QUESTIONS_PER_SUBJECT = (100, 300)
_BARE = "[[task]]\n\n[[answers]]"
_BARE_CHOICES = "[[task]]\nA. [[A]]\nB. [[B]]\nC. [[C]]\nD. [[D]]"
_SUBJECTS_DRAWN = 100
"""With repeats, which are left out: some 40 remain."""
_MODELS = ("large-3", "medium-3", "small-3", "large-2")


def rubric_judge(campaign: Campaign, member: Member) -> Part:
    """A constant rubric marks candidate answers; the same candidates come again, in another order or under another rubric.

    Source: OpenBMB/UltraFeedback, annotate_preference.py (several aspects of the same completions, temperature 0,
    top_p 0.6, max_tokens 500, serial, one second of sleep after an error) and simplescaling/s1, featurization.py.
    """
    rng = member.rng
    own = prompts.Style(model="large-3", params=Params(temperature=0.0, top_p=0.6, max_tokens=500), answer_tokens=110.0)
    aspects = [wordings(campaign, member, templates.rubric, f"aspect {number}", _BARE) for number in range(3)]
    layout = Layout(member.shared("layout"))

    def requests() -> Iterator[Request]:
        for question in questions(campaign, member):
            grammar = grammar_of(tongue(campaign, rng))
            answers = [_answer(rng, grammar) for _ in range(rng.choice((2, 2, 3, 4)))]
            heading = grammar.line(member.shared("heading"), "heading_answer")
            for aspect in aspects:
                for _ in range(rng.choice((1, 2))):
                    rng.shuffle(answers)
                    shown = [layout.section(f"{heading} {'ABCD'[place]}", text) for place, text in enumerate(answers)]
                    text = next(aspect).replace("[[task]]", question).replace("[[answers]]", layout.text(*shown))
                    yield own.ask(rng, text)

    return Part(
        phases=(Phase(member.span, requests()),),
        agent=member.shared("agent").choice(LIBRARIES),
        answer_s=2.0,
        failures=Failures(overloaded=0.005, first_retry_s=1.0, growth=1.0, retries=10),
    )


def _answer(rng: Random, grammar: Grammar) -> str:
    rules = ("sentence", "remark") if "sentence" in grammar.groups.get("work", ()) else ("note",)
    return " ".join([grammar.line(rng, rng.choice(rules)) for _ in range(rng.randint(2, 6))])


def capability_sweep(campaign: Campaign, member: Member) -> Part:
    """Multiple choice, subject after subject in the order of a file, one model after the other; one letter in return.

    Accounts share the subjects out. Source: hendrycks/test, evaluate.py: temperature 0, one token, 57 subjects in order.
    """
    params = Params(temperature=0.0, max_tokens=member.shared("limit").choice((1, 1, 2, 5, 16)))
    models = member.shared("models").sample(_MODELS, 3)
    styles = [prompts.Style(model=model, params=params, answer_tokens=2) for model in models]

    def requests() -> Iterator[Request]:
        for own in cycle(styles):
            for texts in islice(_sweep(campaign, member), member.index, None, campaign.accounts):
                for text in texts:
                    yield own.ask(member.rng, text)

    return Part(
        phases=(Phase(member.span, requests()),),
        agent=member.shared("agent").choice(LIBRARIES),
        answer_s=0.8,
        failures=Failures(overloaded=0.005, first_retry_s=1.0, retries=10),
    )


def _sweep(campaign: Campaign, member: Member) -> Iterator[Iterator[str]]:
    """The questions of each subject, the same every time."""
    if member.material.sweep:
        yield from (iter(texts) for _, texts in member.material.sweep)
        return
    grammar = grammar_of(Language.ENGLISH)
    common = member.shared("subjects")
    exams = common.sample(grammar.groups["exam"], len(grammar.groups["exam"]))
    names = list(dict.fromkeys(grammar.line(common, "subject") for _ in range(_SUBJECTS_DRAWN)))
    for number, name in enumerate(names):
        size = common.randint(*_QUESTIONS_PER_SUBJECT)
        yield _paper(campaign, member, name, exams[number % len(exams)], size)


def _paper(campaign: Campaign, member: Member, name: str, exam: str, size: int) -> Iterator[str]:
    grammar, rng = grammar_of(Language.ENGLISH), member.shared(f"subject {name}")
    in_english = msgspec.structs.replace(campaign, language=Language.ENGLISH)
    frames = wordings(in_english, member, templates.choices, bare=_BARE_CHOICES)
    for frame in islice(frames, size):
        text = frame.replace("[[subject]]", name).replace("[[task]]", grammar.line(rng, exam))
        for letter in "ABCD":
            text = text.replace(f"[[{letter}]]", grammar.line(rng, "sweep_option"))
        yield text
