"""Campaigns: accounts that ask in order to copy the model, after the code of published clients and disclosures.

A family is a function from (campaign, member) to what that account does; `FAMILIES` lists them. Pacing, retries and
parameters are those that the authors' drivers use (read in the repositories named below); volumes are settings.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import count
from random import Random

import msgspec
from msgspec import Struct

from stream_detector.domain.calls import Params
from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import DAY_S, HOUR_S, Span, pool_for, pooled
from stream_detector.simulate.client import Client, Label, Stream
from stream_detector.simulate.grammar import english, header
from stream_detector.simulate.network import Country, Origins, Residential, Servers, country
from stream_detector.simulate.outcome import Failures, Request
from stream_detector.simulate.population import account_id, identity


class Family(StrEnum):
    """Kinds of campaigns."""

    HOT_DISTILLER = "hot_distiller"
    BARE_QUESTIONS = "bare_questions"
    LOGIT_PROBER = "logit_prober"
    TEMPLATE_POOL = "template_pool"


class Campaign(Struct, frozen=True, kw_only=True):
    """Settings of one campaign.

    Raises:
        ValueError: from the constructor, when a number is out of its range.
    """

    id: str
    family: Family
    accounts: int = 1
    calls_per_account_day: float
    """Honest calls of the mix included; whatever the scenario's scale."""
    start_after_s: float = 0.0
    """Seconds from the start of the scenario."""
    mix: float = 0.0
    """Share of calls that are honest questions, 0 to 1."""
    jitter: float = 0.1
    """Pauses differ by up to this share of themselves, 0 to 1."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("accounts", 1, math.inf),
            ("mix", 0, 1),
            ("jitter", 0, 1),
            ("start_after_s", 0, math.inf),
        ):
            if not low <= getattr(self, name) <= high:
                message = f"campaign {self.id}: {name} must be from {low} to {high}, got {getattr(self, name)}"
                raise ValueError(message)
        if not 0 < self.calls_per_account_day < math.inf:
            message = f"campaign {self.id}: calls_per_account_day must be above 0, got {self.calls_per_account_day}"
            raise ValueError(message)


PUBLISHED = (
    Campaign(id="hot-distiller", family=Family.HOT_DISTILLER, calls_per_account_day=6_000),
    Campaign(id="bare-questions", family=Family.BARE_QUESTIONS, accounts=2, calls_per_account_day=4_000),
    Campaign(id="logit-prober", family=Family.LOGIT_PROBER, calls_per_account_day=40_000),
    Campaign(id="template-pool", family=Family.TEMPLATE_POOL, accounts=16, calls_per_account_day=150, jitter=0.3),
)
"""One campaign of each family, sized to be seen within a simulated day. The pool's pauses are a dispatcher's: less regular."""


class _Member(Struct, frozen=True, kw_only=True):
    """One account of a campaign, before its family is asked."""

    index: int
    rng: Random
    secret: str
    """Equal for all accounts of the campaign: seed of what they share."""
    asked: set[str]
    """Shared as well: questions that one of the accounts has taken from the list."""
    place: Country


class _Part(Struct, frozen=True, kw_only=True):
    """What one account does."""

    requests: Iterator[Request]
    origins: Origins
    answer_s: float
    """Mean time until an answer is complete."""
    failures: Failures
    opened_before_s: float
    """The account is at most this old when the campaign starts."""
    payment: str | None = None
    """Means of payment that accounts share; None for one of its own."""


def campaign_clients(seed: int, campaign: Campaign, span: Span) -> Iterator[Client]:
    """The accounts of a campaign."""
    span = Span(min(span.start_s + campaign.start_after_s, span.end_s), span.end_s)
    asked: set[str] = set()
    for index in range(campaign.accounts):
        name = f"{seed}/{campaign.id}/{index}"
        rng = Random(name)
        member = _Member(index=index, rng=rng, secret=f"{seed}/{campaign.id}", asked=asked, place=country(rng))
        part = FAMILIES[campaign.family](campaign, member)
        created_ts = max(0.0, span.start_s - part.opened_before_s * rng.random())
        papers = identity(rng, name, "pro", member.place, created_ts)
        if part.payment is not None:
            papers = msgspec.structs.replace(papers, payment=part.payment)
        pool = pool_for(campaign.calls_per_account_day, part.answer_s, campaign.jitter)
        stream = Stream(pooled(rng, span, pool), _mixed(campaign, member, part.requests), part.origins)
        label = Label(campaign.id, campaign.family.value)
        yield Client(identity=papers, label=label, streams=(stream,), failures=part.failures, rng=rng)


def _mixed(campaign: Campaign, member: _Member, own: Iterator[Request]) -> Iterator[Request]:
    rng = member.rng
    honest = prompts.chat(rng, prompts.style(rng, answer_tokens=180.0), member.place.language)
    while True:
        yield next(honest if rng.random() < campaign.mix else own)


def hot_distiller(campaign: Campaign, member: _Member) -> _Part:  # noqa: ARG001
    """One constant header and three seed tasks that rotate, round the clock, from a new account.

    Source: tatsu-lab/stanford_alpaca, generate_instruction.py and utils.py: 175 seeds, temperature 1.0, top_p 1.0,
    max_tokens 3072, a loop that sleeps two seconds when it is limited.
    """
    common = Random(member.secret)
    grammar = english()
    topics = list(grammar.groups["topics"])
    seeds = [
        f"{grammar.line(common, common.choice(topics))}\n   {grammar.line(common, 'sentence')}" for _ in range(175)
    ]
    params = Params(temperature=1.0, top_p=1.0, max_tokens=3072)
    own = prompts.Style(model="large-3", params=params, answer_tokens=2400.0)
    start = header("generator", "self_instruct")

    def requests() -> Iterator[Request]:
        while True:
            drawn = member.rng.sample(seeds, 3)
            text = start + "\n".join(f"{number}. {seed}" for number, seed in enumerate(drawn, 1))
            yield own.ask(member.rng, text)

    return _Part(
        requests=requests(),
        origins=Servers(member.rng, 1, "OpenAI/Python 1.52.0"),
        answer_s=27.0,
        failures=Failures(overloaded=0.01, first_retry_s=2.0, growth=1.0, retries=50),
        opened_before_s=6 * HOUR_S,
    )


def bare_questions(campaign: Campaign, member: _Member) -> _Part:
    """Examination questions, each once and without a template, in shuffled order, through a process pool.

    Source: simplescaling/s1, data/gemini.py: default parameters, after any error sixty seconds of sleep and another try, up
    to a thousand times, resumed by question hash.
    """
    own = prompts.Style(model="large-3", answer_tokens=1500.0)
    requests = (own.ask(member.rng, question) for question in _questions(campaign, member))
    return _Part(
        requests=requests,
        origins=Servers(member.rng, 1, "python-requests/2.31.0"),
        answer_s=17.0,
        failures=Failures(overloaded=0.01, first_retry_s=60.0, growth=1.0, retries=1000),
        opened_before_s=2 * DAY_S,
    )


def logit_prober(campaign: Campaign, member: _Member) -> _Part:
    """One short prefix for the whole vocabulary: `logit_bias` lifts four tokens at a time into `top_logprobs`.

    Source: dpaleka/stealing-part-lm-supplementary (bias 80, top_logprobs 5, vocabulary / (top_logprobs - 1) calls a prompt)
    and justinchiu/openlogprobs (max_tokens 1, thread pool). Accounts share the vocabulary out.
    """
    grammar = english()
    step, vocabulary = 4, 100_000

    def requests() -> Iterator[Request]:
        while True:
            text = grammar.line(member.rng, "sentence")
            for first in range(member.index * step, vocabulary, step * campaign.accounts):
                lifted = {str(token): 80.0 for token in range(first, first + step)}
                params = Params(max_tokens=1, logprobs=True, top_logprobs=step + 1, logit_bias=lifted)
                own = prompts.Style(model="medium-3", params=params, answer_tokens=1)
                yield own.ask(member.rng, text)

    return _Part(
        requests=requests(),
        origins=Servers(member.rng, 1, "OpenAI/Python 1.61.0"),
        answer_s=0.4,
        failures=Failures(overloaded=0.02, first_retry_s=1.0),
        opened_before_s=DAY_S,
    )


def template_pool(campaign: Campaign, member: _Member) -> _Part:
    """Accounts opened within days of each other that share one private template and divide its topics.

    Each is moderate. They leave through rented home connections, with much the same software, and some share a card.
    Source: the disclosures of 2026 (one prompt across hundreds of accounts, shared payment, residential proxies);
    project-baize/baize-chatbot, collect.py: one template, a topic list divided by index, one part per key.
    """
    own = prompts.Style(model="large-3", params=Params(temperature=0.7, max_tokens=2048), answer_tokens=900.0)
    start = header("pool", "lecture")
    requests = (own.ask(member.rng, start + question) for question in _questions(campaign, member))
    agent = f"OpenAI/Python 1.{member.rng.choice((52, 52, 52, 55))}.0"
    cards = max(1, campaign.accounts // 4)
    return _Part(
        requests=requests,
        origins=Residential(member.rng, agent, sticky_s=member.rng.uniform(300, 1800)),
        answer_s=10.0,
        failures=Failures(overloaded=0.005),
        opened_before_s=3 * DAY_S,
        payment=account_id(f"{member.secret}/card/{member.index % cards}").removeprefix("acct_"),
    )


def _questions(campaign: Campaign, member: _Member) -> Iterator[str]:
    """The member's part of the campaign's list: by index, and none that another one has asked."""
    grammar = english()
    subjects = list(grammar.groups["exam"])
    for number in count(member.index, campaign.accounts):
        rng = Random(f"{member.secret}/{number}")
        case = " ".join(grammar.line(rng, rng.choice(("note", "remark"))) for _ in range(rng.choice((0, 1, 2, 3))))
        question = f"{case} {grammar.line(rng, rng.choice(subjects))}".strip()
        if question not in member.asked:
            member.asked.add(question)
            yield question


FAMILIES: Mapping[Family, Callable[[Campaign, _Member], _Part]] = {
    Family.HOT_DISTILLER: hot_distiller,
    Family.BARE_QUESTIONS: bare_questions,
    Family.LOGIT_PROBER: logit_prober,
    Family.TEMPLATE_POOL: template_pool,
}
