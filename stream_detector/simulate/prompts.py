"""What is asked: endless requests of people and programs. Constant parts stay constant, the rest never ends.

Sizes follow published traffic. ServeGen (Apache-2.0): median answer of a client 2 to 700 tokens (quartiles 20, 50, 140), and
within a client the 95th percentile is 2.4 times the median. Azure LLM inference trace 2023 (CC-BY-4.0): contexts of 1,469
tokens in the median.
"""

import math
from collections.abc import Iterator
from itertools import cycle
from random import Random

from msgspec import Struct

from stream_detector.domain.calls import Params
from stream_detector.simulate.grammar import Grammar, english, header, languages
from stream_detector.simulate.outcome import Request

MODELS = ("large-3", "large-3", "medium-3", "medium-3", "small-3", "large-2", "medium-2")
"""A provider's names; some customers stay with the previous generation."""

RELEASED = "large-4"
"""A model that is published while the simulation runs (`population.RELEASED_S`)."""

ROUTES = ("/v1/chat/completions", "/v1/chat/completions", "/v1/messages", "/v1/responses")

LETTERED = 0.4
"""Share of tests and studies that ask for one of four answers: plain choice."""
_OPTIONS = ("concept", "noun", "place", "name", "adj")
_ANSWER_SPREAD = math.log(2.4) / 1.645
_CONTEXT_TOKENS = 1469


class Style(Struct, frozen=True, kw_only=True):
    """What a client sets once and sends with every request."""

    model: str
    params: Params | None = None
    stream: bool | None = None
    route: str = "/v1/chat/completions"
    answer_tokens: float
    """Median."""
    tool_share: float = 0.0
    """Share of answers that ask for a tool."""

    def ask(
        self, rng: Random, text: str, context_tokens: int = 0, user: str | None = None, *, answer_tokens: float = 0.0
    ) -> Request:
        """One request in this style; `answer_tokens` is the median for this one if it is not the style's."""
        median = answer_tokens or self.answer_tokens
        return Request(
            text=text,
            model=self.model,
            route=self.route,
            params=self.params,
            stream=self.stream,
            context_tokens=context_tokens,
            answer_tokens=max(1, int(log_normal(rng, median, _ANSWER_SPREAD))),
            finish="tool" if rng.random() < self.tool_share else "stop",
            user=user,
        )


def style(rng: Random, answer_tokens: float | None = None, tool_share: float = 0.0) -> Style:
    """A client's own; the median answer follows ServeGen's clients unless given."""
    if answer_tokens is None:
        answer_tokens = min(2000.0, log_normal(rng, 50.0, 1.5))
    temperature = rng.choice((None, None, 0.0, 0.2, 0.7, 1.0))
    max_tokens = rng.choice((None, 256, 1024, 2048, 4096))
    params = None if temperature is max_tokens is None else Params(temperature=temperature, max_tokens=max_tokens)
    return Style(
        model=rng.choice(MODELS),
        params=params,
        stream=rng.choice((None, True, True)),
        route=rng.choice(ROUTES),
        answer_tokens=answer_tokens,
        tool_share=tool_share,
    )


def chat(rng: Random, own: Style, language: str) -> Iterator[Request]:
    """A person's questions: a few favourite topics, now and then more sentences or a pasted text, growing conversations."""
    grammar = languages().get(language, english())
    topics = list(grammar.groups["topics"])
    rng.shuffle(topics)
    weights = [1 / (1 + rank) for rank in range(len(topics))]
    more = "chat_context" if grammar is english() else "note"
    while True:
        text = grammar.line(rng, rng.choices(topics, weights)[0])
        while rng.random() < 0.65:  # noqa: PLR2004  plain choice, as the share of pasted texts
            text = f"{text} {grammar.line(rng, more)}"
        if grammar is english() and rng.random() < 0.12:  # noqa: PLR2004
            text = f"{text}\n\n{passage(rng, grammar, 1 + int(log_normal(rng, 5, 0.8)))}"
        yield own.ask(rng, text, conversation(rng))


def conversation(rng: Random) -> int:
    """Tokens of the conversation that a person's question goes on with; 0 if it is the first."""
    return 0 if rng.random() < 1 / 3 else int(log_normal(rng, _CONTEXT_TOKENS / 2, 1.0))


def app(rng: Random, own: Style) -> Iterator[Request]:
    """A product with one fixed system prompt of its own, and its users' texts."""
    grammar = english()
    rules = " ".join(grammar.line(rng, "system_rule") for _ in range(rng.randint(4, 12)))
    system = f"{grammar.line(rng, 'system_opening')} {rules}\n\n"
    kind = rng.choice(("support_ticket", "support_ticket", "review", "agent_task", "passage"))
    length = rng.randint(3, 14)
    users = rng.choice((0, 50, 2000))
    while True:
        user = f"u{rng.randrange(users)}" if users else None
        item = passage(rng, grammar, length) if kind == "passage" else grammar.line(rng, kind)
        yield own.ask(rng, system + item, int(log_normal(rng, 300, 0.5)), user)


def harness(rng: Random, own: Style, name: str) -> Iterator[Request]:
    """A product on a public framework, whose header it sends unchanged."""
    grammar, start = english(), header("harness", name)
    topics = list(grammar.groups["topics"])
    while True:
        if name == "context_answer":
            passages = "".join(f"[{number}] {passage(rng, grammar, 3)}\n" for number in range(1, rng.randint(3, 6)))
            task = f"{passages}\nQuestion: {grammar.line(rng, rng.choice(topics))}"
        else:
            task = grammar.line(rng, "agent_task" if name == "tool_loop" else "code")
        yield own.ask(rng, start + task, int(log_normal(rng, _CONTEXT_TOKENS, 0.8)))


def evaluation(rng: Random, own: Style, size: int) -> Iterator[Request]:
    """The same test questions again and again, in the same order."""
    grammar = english()
    start = header("batch", "evaluation").replace("{opening}", grammar.line(rng, "system_opening"))
    subjects = list(grammar.groups["exam"])
    asked = lettered if rng.random() < LETTERED else lambda _, question: question
    texts = [
        start.replace("{number}", str(number)) + asked(rng, grammar.line(rng, rng.choice(subjects)))
        for number in range(1, size + 1)
    ]
    for text in cycle(texts):
        yield own.ask(rng, text)


def lettered(rng: Random, question: str) -> str:
    """The question with four answers to choose from."""
    grammar = english()
    options = "\n".join(f"{letter}. {grammar.line(rng, rng.choice(_OPTIONS))}" for letter in "ABCD")
    return f"{question}\n{options}\nAnswer:"


def backfill(rng: Random, own: Style) -> Iterator[Request]:
    """Every document of a collection once, behind one constant instruction."""
    grammar = english()
    start = header("batch", "backfill").replace("{opening}", grammar.line(rng, "system_opening"))
    while True:
        yield own.ask(rng, start + passage(rng, grammar, max(2, int(log_normal(rng, 12, 0.5)))))


def review(rng: Random, own: Style) -> Iterator[Request]:
    """Changes to code, behind the constant instruction of one team."""
    grammar = english()
    rules = " ".join(grammar.line(rng, "system_rule") for _ in range(3))
    start = header("review", "ci").replace("{name}", grammar.line(rng, "name")).replace("{system_rules}", rules)
    while True:
        changes = "\n".join(grammar.line(rng, "diff") for _ in range(rng.randint(1, 4)))
        yield own.ask(rng, start + changes, int(log_normal(rng, 900, 0.7)))


def classification(rng: Random, model: str) -> Iterator[Request]:
    """One-token answers held to a few labels by `logit_bias`, with the label's probability read from `logprobs`."""
    grammar = english()
    task = grammar.line(rng, "label_task")
    labels = {str(rng.randrange(100_000)): 100.0 for _ in range(rng.randint(2, 6))}
    params = Params(temperature=0.0, max_tokens=1, logprobs=True, top_logprobs=len(labels), logit_bias=labels)
    own = Style(model=model, params=params, answer_tokens=1)
    kind = rng.choice(("review", "support_ticket"))
    while True:
        yield own.ask(rng, f"{task}\n\n{grammar.line(rng, kind)}")


def with_constant(rng: Random, requests: Iterator[Request], share: float) -> Iterator[Request]:
    """Replace a share of the requests by one and the same: a greeting, a health check, a default example."""
    constant = next(requests)
    for request in requests:
        yield constant if rng.random() < share else request


def passage(rng: Random, grammar: Grammar, sentences: int, rule: str = "sentence") -> str:
    """So many sentences about nothing in particular."""
    return " ".join([grammar.line(rng, rule) for _ in range(sentences)])


def log_normal(rng: Random, median: float, spread: float) -> float:
    """A number with this median, whose logarithm has the standard deviation `spread`."""
    return median * math.exp(rng.gauss(0.0, spread))
