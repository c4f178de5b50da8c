"""What particular products send: a constant part that the customer wrote once, and what its users or documents add.

Every generator draws its constant part when it starts, so that two customers never word theirs alike.
"""

import math
from collections.abc import Iterator, Sequence
from random import Random

import msgspec
from msgspec import Struct, field

from stream_detector.simulate.grammar import english, languages
from stream_detector.simulate.outcome import CHARS_PER_TOKEN, Request
from stream_detector.simulate.prompts import Style, log_normal, passage

_EXPANSION = 1.1
"""A translation is about as long as its source: plain choice."""
_OPEN_TALKS = 12
_TURNS_IN_PROMPT = 6


def judge(rng: Random, own: Style) -> Iterator[Request]:
    """Grades that an evaluation product asks for: a rubric and one or two answers of somebody's assistant."""
    grammar = english()
    criteria = "\n".join(f"- {grammar.line(rng, 'judge_criterion')}" for _ in range(rng.randint(2, 7)))
    scale, form = grammar.line(rng, "judge_scale"), grammar.line(rng, "judge_form")
    rubric = f"{grammar.line(rng, 'judge_opening')}\n{criteria}\n{scale} {form}"
    layout = grammar.line(rng, "judge_layout")
    marks = ("A", "B") if " A, B " in scale else ("",)
    is_last = rng.random() < 0.25  # noqa: PLR2004  plain choice
    while True:
        answers = [f"{mark} {grammar.line(rng, 'answer_text')}".lstrip() for mark in marks]
        item = layout % (grammar.line(rng, "support_ticket"), "\n\n".join(answers))
        yield own.ask(rng, f"{item}\n\n{rubric}" if is_last else f"{rubric}\n\n{item}")


def audited(rng: Random, own: Style) -> Iterator[Request]:
    """Cases of an application that must keep the reasons for its decisions, and therefore asks for them every time."""
    grammar = english()
    rules = [grammar.line(rng, "audit_rule") for _ in range(rng.randint(1, 2))]
    rules += [grammar.line(rng, "system_rule") for _ in range(rng.randint(2, 6))]
    rng.shuffle(rules)
    system = f"{grammar.line(rng, 'audit_opening')} {' '.join(rules)}\n\n"
    while True:
        yield own.ask(rng, system + grammar.line(rng, "audit_case"), int(log_normal(rng, 400, 0.6)))


def moderated(rng: Random, own: Style) -> Iterator[Request]:
    """Posts that a forum has checked: some are refused or filtered, because they are what the check is for."""
    grammar = english()
    rules = "\n".join(f"* {grammar.line(rng, 'moderation_rule')}" for _ in range(rng.randint(4, 9)))
    system = f"{grammar.line(rng, 'moderation_opening')}\n{rules}\n{grammar.line(rng, 'moderation_form')}\n\nPost: "
    refused, filtered = rng.uniform(0.03, 0.15), rng.uniform(0.02, 0.12)
    yield own.ask(rng, system + grammar.line(rng, "review"))  # a harmless one: it may become the customer's constant
    while True:
        request = own.ask(rng, system + grammar.line(rng, rng.choice(("post", "post", "review", "talk_line"))))
        yield stopped(rng, request, refused, filtered)


def synthetic(rng: Random, own: Style) -> Iterator[Request]:
    """Product descriptions, test data or sample dialogues: one template, a long answer each."""
    grammar = english()
    template = grammar.line(rng, "synthetic_template")
    while True:
        yield own.ask(rng, template + grammar.line(rng, "synthetic_item"))


def translated(rng: Random, own: Style, language: str) -> Iterator[Request]:
    """Documents, piece by piece, into the languages of the customer's markets."""
    source = languages().get(language, english())
    sentence = "sentence" if source is english() else "note"
    order = english().line(rng, "translate_order")
    targets = rng.sample(english().variants("language_name"), rng.randint(1, 6))
    length = rng.uniform(2, 15)
    while True:
        text = passage(rng, source, max(1, int(log_normal(rng, length, 0.7))), sentence)
        tokens = max(1.0, _EXPANSION * len(text) / CHARS_PER_TOKEN)
        yield own.ask(rng, order % rng.choice(targets) + text, answer_tokens=tokens)


def pocket(rng: Random, own: Style, language: str) -> Iterator[Request]:
    """A small application for telephones: one short template, and what its users type."""
    grammar = languages().get(language)
    start = english().line(rng, "pocket_template")
    topics = list(grammar.groups["topics"]) if grammar else ["pocket_text"]
    while True:
        yield own.ask(rng, start + (grammar or english()).line(rng, rng.choice(topics)))


def watching(rng: Random, own: Style) -> Iterator[Request]:
    """A scheduled job: always the same question about other numbers."""
    grammar = english()
    task = grammar.line(rng, "watch_task")
    rows = rng.randint(1, 12)
    while True:
        data = "\n".join([grammar.line(rng, "measurement") for _ in range(rows)])
        yield own.ask(rng, f"{task}\n{data}")


class _Talk(Struct):
    """One conversation of a companion's user."""

    user: str
    lines: list[str] = field(default_factory=list)
    tokens: int = 0
    """Of the turns that are no longer in the text."""


def talks(rng: Random, own: Style) -> Iterator[Request]:
    """A chat product: three to five constant words, then a conversation that grows with each turn."""
    grammar = english()
    persona = grammar.line(rng, "talk_persona")
    turns = rng.uniform(4, 20)
    talking: list[_Talk] = []
    while True:
        if len(talking) < _OPEN_TALKS:
            talking.append(_Talk(user=f"u{rng.randrange(5000)}"))
        talk = rng.choice(talking)
        talk.lines.append(f"User: {grammar.line(rng, 'talk_line')}")
        yield own.ask(rng, f"{persona}\n\n" + "\n".join(talk.lines), talk.tokens, talk.user)
        talk.lines.append(f"Reply: {grammar.line(rng, 'answer_text')}")
        if len(talk.lines) > _TURNS_IN_PROMPT:
            talk.tokens += sum(map(len, talk.lines[2:4])) // CHARS_PER_TOKEN
            del talk.lines[2:4]  # the beginning stays
        if rng.random() < 1 / turns:
            talking.remove(talk)


def spoken(rng: Random, own: Style, language: str) -> Iterator[Request]:
    """What people say to a device: one short question or order after the other, with nothing around it."""
    grammar = languages().get(language, english())
    topics = list(grammar.groups["topics"])
    while True:
        yield own.ask(rng, grammar.line(rng, rng.choice(topics)))


def relayed(rng: Random, people: Sequence[Iterator[Request]]) -> Iterator[Request]:
    """What the users of a site ask, some of them much more than others; the site adds nothing."""
    weights = [rng.paretovariate(1.0) for _ in people]
    while True:
        yield next(rng.choices(people, weights)[0])


def tutored(rng: Random, own: Style, language: str) -> Iterator[Request]:
    """Pupils of a tutoring product, in their language."""
    grammar = languages()[language]
    rules = " ".join(grammar.line(rng, "tutor_rule") for _ in range(rng.randint(2, 5)))
    system = f"{grammar.line(rng, 'tutor_opening')} {rules}\n\n"
    topics = list(grammar.groups["topics"])
    while True:
        question = f"{grammar.line(rng, rng.choice(topics))} {grammar.line(rng, 'note')}"
        yield own.ask(rng, system + question, int(log_normal(rng, 250, 0.8)))


def assisted(rng: Random, own: Style, language: str) -> Iterator[Request]:
    """Programmers who ask their editor in their own language about code in English."""
    grammar, code = languages()[language], english()
    rules = " ".join(grammar.line(rng, "code_rule") for _ in range(rng.randint(1, 4)))
    while True:
        snippet = "\n".join([code.line(rng, rng.choice(("snippet", "diff"))) for _ in range(rng.randint(1, 3))])
        text = f"{rules}\n\n{grammar.line(rng, 'code_ask')}\n\n{snippet}"
        yield own.ask(rng, text, int(log_normal(rng, 1469, 0.9)))


def stopped(rng: Random, request: Request, refused: float, filtered: float) -> Request:
    """The same, if the provider answers; else a short refusal, or nothing behind its filter."""
    draw = rng.random()
    if draw >= refused + filtered:
        return request
    finish = "refusal" if draw < refused else "filter"
    tokens = math.ceil(log_normal(rng, 40, 0.5)) if draw < refused else 1
    return msgspec.structs.replace(request, finish=finish, answer_tokens=tokens)
