"""Families that have the model mark answers, or that mark the model."""

from collections.abc import Iterator
from itertools import cycle
from random import Random

import msgspec

from stream_detector.domain.calls import Params
from stream_detector.simulate import prompts
from stream_detector.simulate.campaigns import templates
from stream_detector.simulate.campaigns.campaign import Campaign, Language
from stream_detector.simulate.campaigns.material import Choice
from stream_detector.simulate.campaigns.members import Member, Part, Phase
from stream_detector.simulate.campaigns.wording import Layout, grammar_of, questions, tongue, wordings
from stream_detector.simulate.network import LIBRARIES
from stream_detector.simulate.outcome import Failures, Request

_QUESTIONS_PER_SUBJECT = (100, 300)
_BARE = "[[task]]\n\n[[answers]]"
_BARE_CHOICES = "[[task]]\nA. [[A]]\nB. [[B]]\nC. [[C]]\nD. [[D]]"
_SUBJECTS = 57
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
            language = tongue(campaign, rng)
            grammar = grammar_of(language)
            answers = [_answer(rng, language) for _ in range(rng.choice((2, 2, 3, 4)))]
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


def _answer(rng: Random, language: Language) -> str:
    rules = ("sentence", "remark") if language is Language.ENGLISH else ("note",)
    grammar = grammar_of(language)
    return " ".join([grammar.line(rng, rng.choice(rules)) for _ in range(rng.randint(2, 6))])


def capability_sweep(campaign: Campaign, member: Member) -> Part:
    """Multiple choice, subject after subject in the order of a file, each put to three models; one letter in return.

    Accounts share the subjects out. Source: hendrycks/test, evaluate.py: temperature 0, one token, 57 subjects in order.
    """
    params = Params(temperature=0.0, max_tokens=member.shared("limit").choice((1, 1, 2, 5, 16)))
    models = member.shared("models").sample(_MODELS, 3)
    styles = [prompts.Style(model=model, params=params, answer_tokens=2) for model in models]
    in_english = msgspec.structs.replace(campaign, language=Language.ENGLISH)
    frames = wordings(in_english, member, templates.choices, bare=_BARE_CHOICES)

    def requests() -> Iterator[Request]:
        size = len(member.material.sweep) or _SUBJECTS
        for number in cycle(range(member.index % size, size, campaign.accounts)):
            subject, choices = member.material.sweep[number] if member.material.sweep else _paper(member, number)
            for own in styles:
                for choice in choices:
                    yield own.ask(member.rng, _filled(next(frames), subject, choice))

    return Part(
        phases=(Phase(member.span, requests()),),
        agent=member.shared("agent").choice(LIBRARIES),
        answer_s=0.8,
        failures=Failures(overloaded=0.005, first_retry_s=1.0, retries=10),
    )


def _paper(member: Member, number: int) -> tuple[str, tuple[Choice, ...]]:
    """A made-up subject and its questions, the same every time."""
    grammar, rng = grammar_of(Language.ENGLISH), member.shared(f"paper {number}")
    subject, exam = grammar.line(rng, "subject"), rng.choice(grammar.groups["exam"])
    choices = []
    for _ in range(rng.randint(*_QUESTIONS_PER_SUBJECT)):
        options = tuple(grammar.line(rng, "sweep_option") for _ in "ABCD")
        choices.append(Choice(grammar.line(rng, exam), options))
    return subject, tuple(choices)


def _filled(frame: str, subject: str, choice: Choice) -> str:
    text = frame.replace("[[subject]]", subject).replace("[[task]]", choice.question)
    for letter, option in zip("ABCD", choice.options, strict=True):
        text = text.replace(f"[[{letter}]]", option)
    return text
