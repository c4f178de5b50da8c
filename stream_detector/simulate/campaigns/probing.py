"""Families that measure the model itself: its weights, its refusals, and what makes it talk."""

from collections.abc import Iterator
from itertools import cycle, islice
from random import Random

import msgspec

from stream_detector.domain.calls import Params
from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import DAY_S, Span
from stream_detector.simulate.campaigns.campaign import Campaign, Language, Probe
from stream_detector.simulate.campaigns.members import Member, Part, Phase
from stream_detector.simulate.campaigns.wording import grammar_of, questions, tongue
from stream_detector.simulate.grammar import Grammar, english
from stream_detector.simulate.network import LIBRARIES
from stream_detector.simulate.outcome import Failures, Request

_VOCABULARY = 100_000
_SEARCH_SHARE = 0.4
_LUCKY, _RELIABLE = 0.03, 0.85
"""Share of attempts that work: of techniques tried, and of the one that was found."""


def logit_prober(campaign: Campaign, member: Member) -> Part:
    """One short prefix again and again, one token in return: only parameters, or the last words, change.

    Source: dpaleka/stealing-part-lm-supplementary (bias 80, top_logprobs 5, vocabulary / (top_logprobs - 1) calls a prompt)
    and justinchiu/openlogprobs (max_tokens 1, thread pool, doubling then bisection). Accounts share the vocabulary out.
    """
    ways = {Probe.VOCABULARY: _vocabulary, Probe.BISECTION: _bisection, Probe.LOGPROBS: _logprobs}
    return Part(
        phases=(Phase(member.span, ways[campaign.probe](campaign, member)),),
        agent="OpenAI/Python 1.61.0",
        answer_s=0.4,
        failures=Failures(overloaded=0.02, first_retry_s=1.0),
        opened_before_s=DAY_S,
    )


def _vocabulary(campaign: Campaign, member: Member) -> Iterator[Request]:
    grammar, step = english(), 4
    while True:
        text = grammar.line(member.rng, "sentence")
        for first in range(member.index * step % _VOCABULARY, _VOCABULARY, step * campaign.accounts):
            lifted = {str(token): 80.0 for token in range(first, first + step)}
            yield _probe(
                member.rng, text, Params(max_tokens=1, logprobs=True, top_logprobs=step + 1, logit_bias=lifted)
            )


def _bisection(campaign: Campaign, member: Member) -> Iterator[Request]:
    """About thirty calls a token: how much bias makes it the answer?"""
    rng, steps = member.rng, 20
    while True:
        text = grammar_of(Language.ENGLISH).line(rng, "probe_text")
        for token in range(member.index % _VOCABULARY, _VOCABULARY, campaign.accounts):
            needed, bias = min(90.0, rng.lognormvariate(2.3, 0.6)), 1.0
            while bias < needed:
                yield _probe(rng, text, _biased(token, bias))
                bias = min(100.0, bias * 2)
            low, high = bias / 2, bias
            for _ in range(steps):
                yield _probe(rng, text, _biased(token, (low + high) / 2))
                low, high = ((low + high) / 2, high) if (low + high) / 2 < needed else (low, (low + high) / 2)


def _biased(token: int, bias: float) -> Params:
    return Params(temperature=0.0, max_tokens=1, logit_bias={str(token): round(bias, 6)})


def _logprobs(campaign: Campaign, member: Member) -> Iterator[Request]:  # noqa: ARG001
    """The likeliest tokens after every continuation of one prefix."""
    grammar, common = grammar_of(Language.ENGLISH), member.shared("prefix")
    prefix = " ".join(grammar.line(common, rule) for rule in ("sentence", "probe_text"))
    params = Params(temperature=common.choice((None, 0.0, 1.0)), max_tokens=1, logprobs=True, top_logprobs=20)
    rule = common.choice(("word", "noun", "hex", "name"))
    while True:
        yield _probe(member.rng, f"{prefix} {grammar.line(member.rng, rule)}", params)


def _probe(rng: Random, text: str, params: Params) -> Request:
    return prompts.Style(model="medium-3", params=params, answer_tokens=1).ask(rng, text)


def boundary_probing(campaign: Campaign, member: Member) -> Part:  # noqa: ARG001
    """One delicate request in many near-identical forms, some refused and some not; then the next category.

    Source: the disclosures of 2026 (requests that map where refusals begin, category by category).
    """
    rng, common = member.rng, member.shared("boundary")
    grammar = grammar_of(Language.ENGLISH)
    rules = grammar.groups["boundary"]
    categories = common.sample(rules, len(rules))
    params = Params(temperature=0.0, max_tokens=common.choice((64, 128, 256, 400)))
    own = prompts.Style(model="large-3", params=params, answer_tokens=220.0)
    outcomes = _alternating(rng, common.uniform(0.2, 0.55))

    def requests() -> Iterator[Request]:
        for category in islice(cycle(categories), member.index, None):
            for _ in range(rng.randint(3, 12)):  # requests of one category
                core = grammar.line(rng, category)
                for _ in range(rng.randint(5, 16)):
                    yield _answered(own.ask(rng, _edited(rng, grammar, core)), rng, is_refused=next(outcomes))

    return Part(
        phases=(Phase(member.span, requests()),),
        agent=common.choice(LIBRARIES),
        answer_s=2.5,
        failures=Failures(overloaded=0.005),
    )


def _alternating(rng: Random, share: float) -> Iterator[bool]:
    """Refused or not, so many of all, and seldom the same twice in a row: the next attempt is aimed across the boundary."""
    relents = min(0.9, (1 - share) / share)
    provokes = share * relents / (1 - share)
    is_refused = rng.random() < share
    while True:
        yield is_refused
        is_refused = rng.random() >= relents if is_refused else rng.random() < provokes


def _edited(rng: Random, grammar: Grammar, core: str) -> str:
    """The same request with one or two small changes."""
    end = " ".join(
        grammar.line(rng, rule) for rule in rng.sample(("edit_purpose", "edit_degree"), rng.choice((1, 1, 2)))
    )
    text = f"{core[:-1]}, {end}{core[-1]}"
    return f"{grammar.line(rng, 'edit_opening')} {text}" if rng.random() < 0.3 else text  # noqa: PLR2004


def _answered(request: Request, rng: Random, *, is_refused: bool) -> Request:
    if not is_refused:
        return request
    finish = "refusal" if rng.random() < 0.7 else "filter"  # noqa: PLR2004  plain choice
    tokens = rng.randint(12, 60) if finish == "refusal" else rng.randint(1, 20)
    return msgspec.structs.replace(request, finish=finish, answer_tokens=tokens)


def technique_search(campaign: Campaign, member: Member) -> Part:
    """Ever new tricks to make the model tell its reasoning, nearly all in vain; then the one that works, on a list.

    Source: the disclosures of 2026 (12,000 requests in search of a technique, then its use at scale).
    """
    split_s = member.span.start_s + _SEARCH_SHARE * (member.span.end_s - member.span.start_s)
    return Part(
        phases=(
            Phase(Span(member.span.start_s, split_s), _searching(campaign, member)),
            Phase(Span(split_s, member.span.end_s), _scaling(campaign, member)),
        ),
        agent=member.shared("agent").choice(LIBRARIES),
        answer_s=8.0,
        failures=Failures(overloaded=0.006, first_retry_s=2.0),
    )


def _searching(campaign: Campaign, member: Member) -> Iterator[Request]:
    rng = member.rng
    tasks = list(islice(questions(campaign, member), 12))
    own = prompts.Style(model="large-3", params=Params(max_tokens=4096), answer_tokens=110.0)
    while True:
        trick = grammar_of(tongue(campaign, rng)).line(rng, "technique")
        for task in rng.sample(tasks, rng.choice((1, 1, 1, 2))):
            request = own.ask(rng, f"{trick}\n\n{task}")
            if rng.random() < _LUCKY:
                yield msgspec.structs.replace(request, answer_tokens=rng.randint(900, 3000))
            else:
                yield _answered(request, rng, is_refused=rng.random() < 0.3)  # noqa: PLR2004  plain choice


def _scaling(campaign: Campaign, member: Member) -> Iterator[Request]:
    rng, common = member.rng, member.shared("technique")
    trick = grammar_of(tongue(campaign, common)).line(common, "technique")
    own = prompts.Style(model="large-3", params=Params(max_tokens=8192), answer_tokens=2200.0)
    for task in questions(campaign, member):
        request = own.ask(rng, f"{trick}\n\n{task}")
        yield _answered(request, rng, is_refused=rng.random() > _RELIABLE)
