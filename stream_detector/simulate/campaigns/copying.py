"""Families that collect training data: questions out, answers in."""

from collections.abc import Iterator
from itertools import chain, islice
from random import Random

from stream_detector.domain.calls import Params
from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import DAY_S, HOUR_S
from stream_detector.simulate.campaigns import templates
from stream_detector.simulate.campaigns.campaign import Campaign, Language, Network, Template
from stream_detector.simulate.campaigns.members import Member, Part, Phase
from stream_detector.simulate.campaigns.wording import grammar_of, questions, tongue, wordings
from stream_detector.simulate.grammar import english, header
from stream_detector.simulate.network import LIBRARIES
from stream_detector.simulate.outcome import Failures, Request
from stream_detector.simulate.population import account_id


def hot_distiller(campaign: Campaign, member: Member) -> Part:
    """One constant header and three seed tasks that rotate, round the clock, from a new account.

    Source: tatsu-lab/stanford_alpaca, generate_instruction.py and utils.py: 175 seeds, temperature 1.0, top_p 1.0,
    max_tokens 3072, a loop that sleeps two seconds when it is limited.
    """
    params = Params(temperature=1.0, top_p=1.0, max_tokens=3072)
    own = prompts.Style(model="large-3", params=params, answer_tokens=2400.0)
    seeds = member.material.seeds or _seeds(campaign, member)
    starts = _starts(campaign, member)

    def requests() -> Iterator[Request]:
        while True:
            drawn = member.rng.sample(seeds, 3)
            text = next(starts) + "\n".join(f"{number}. {seed}" for number, seed in enumerate(drawn, 1))
            yield own.ask(member.rng, text)

    return Part(
        phases=(Phase(member.span, requests()),),
        agent="OpenAI/Python 1.52.0",
        answer_s=27.0,
        failures=Failures(overloaded=0.01, first_retry_s=2.0, growth=1.0, retries=50),
        opened_before_s=6 * HOUR_S,
    )


def _seeds(campaign: Campaign, member: Member) -> list[str]:
    common = Random(member.secret)
    language = tongue(campaign, common)
    grammar = english() if language is Language.ENGLISH else grammar_of(language)
    topics = list(grammar.groups["topics"])
    more = "sentence" if language is Language.ENGLISH else "note"
    return [f"{grammar.line(common, common.choice(topics))}\n   {grammar.line(common, more)}" for _ in range(175)]


def _starts(campaign: Campaign, member: Member) -> Iterator[str]:
    if campaign.template in {None, Template.FIXED} and member.material.header:
        return wordings(campaign, member, lambda _rng, _grammar: member.material.header)
    if campaign.template is None:
        return wordings(campaign, member, lambda _rng, _grammar: header("generator", "self_instruct"))
    return wordings(campaign, member, templates.generator, bare="")


def evolved_instructions(campaign: Campaign, member: Member) -> Part:
    """A question is made harder in rounds, each time in one of a few ways; now and then the result is answered.

    Source: the published recipe of Evol-Instruct (nlpxucan/WizardLM): rewriting in depth and breadth, several rounds.
    """
    rng = member.rng
    ways = [wordings(campaign, member, templates.evolve, f"way {number}") for number in range(6)]
    rewriting = prompts.Style(
        model="large-3", params=Params(temperature=1.0, max_tokens=2048, top_p=0.9), answer_tokens=260.0
    )
    answering = prompts.Style(model="large-3", params=Params(temperature=0.7, max_tokens=2048), answer_tokens=800.0)

    def requests() -> Iterator[Request]:
        for question in questions(campaign, member):
            task = question
            for _ in range(rng.randint(1, 4)):
                yield rewriting.ask(rng, next(rng.choice(ways)).replace("[[task]]", task))
                grammar = grammar_of(tongue(campaign, rng))
                task = f"{task} {grammar.line(rng, 'note')} {grammar.line(rng, rng.choice(grammar.groups['exam']))}"
            if rng.random() < 0.4:  # noqa: PLR2004  plain choice
                yield answering.ask(rng, task)

    return Part(
        phases=(Phase(member.span, requests()),),
        agent=member.shared("agent").choice(LIBRARIES),
        answer_s=5.0,
        failures=Failures(overloaded=0.008, first_retry_s=5.0, growth=1.0, retries=10),
    )


def bare_questions(campaign: Campaign, member: Member) -> Part:
    """Examination questions, each once and without a template, in shuffled order, through a process pool.

    Source: simplescaling/s1, data/gemini.py: default parameters, after any error sixty seconds of sleep and another try, up
    to a thousand times, resumed by question hash.
    """
    own = prompts.Style(model="large-3", answer_tokens=1500.0)
    listed = member.material.questions
    order = member.shared("order").sample(listed, len(listed))
    mine = chain(islice(order, member.index, None, campaign.accounts), questions(campaign, member))
    requests = (own.ask(member.rng, question) for question in mine)
    return Part(
        phases=(Phase(member.span, requests),),
        agent="python-requests/2.31.0",
        answer_s=17.0,
        failures=Failures(overloaded=0.01, first_retry_s=60.0, growth=1.0, retries=1000),
        opened_before_s=2 * DAY_S,
    )


def reasoning_extraction(campaign: Campaign, member: Member) -> Part:
    """One instruction to write the whole reasoning down, then a question: the answers are long.

    Source: the disclosures of 2026 (one instruction over millions of calls, answers used as traces to train on) and
    simplescaling/s1: every question once.
    """
    limit = member.shared("limit").choice((4096, 8192, 16_384, None))
    temperature = member.shared("temperature").choice((None, 0.6, 0.7, 1.0))
    params = None if limit is temperature is None else Params(temperature=temperature, max_tokens=limit)
    own = prompts.Style(model="large-3", params=params, answer_tokens=2800.0)
    starts = wordings(campaign, member, templates.reasoning)
    listed = questions(campaign, member)
    requests = (own.ask(member.rng, start.replace("[[task]]", next(listed))) for start in starts)
    return Part(
        phases=(Phase(member.span, requests),),
        agent=member.shared("agent").choice(LIBRARIES),
        answer_s=32.0,
        failures=Failures(overloaded=0.01, first_retry_s=30.0, growth=1.0, retries=100),
    )


def template_pool(campaign: Campaign, member: Member) -> Part:
    """Accounts opened within days of each other that share one private template and divide its topics.

    Each is moderate. They leave through rented home connections, with much the same software, and some share a card.
    Source: the disclosures of 2026 (one prompt across hundreds of accounts, shared payment, residential proxies);
    project-baize/baize-chatbot, collect.py: one template, a topic list divided by index, one part per key.
    """
    own = prompts.Style(model="large-3", params=Params(temperature=0.7, max_tokens=2048), answer_tokens=900.0)
    build = _lecture if campaign.template is None else templates.pool
    starts = wordings(campaign, member, build)
    listed = questions(campaign, member)
    requests = (own.ask(member.rng, start.replace("[[task]]", next(listed))) for start in starts)
    cards = max(1, campaign.accounts // 4)
    return Part(
        phases=(Phase(member.span, requests),),
        agent=f"OpenAI/Python 1.{member.rng.choice((52, 52, 52, 55))}.0",
        network=Network.RESIDENTIAL,
        answer_s=10.0,
        failures=Failures(overloaded=0.005),
        payment=account_id(f"{member.secret}/card/{member.index % cards}").removeprefix("acct_"),
    )


def _lecture(_rng: object, _grammar: object) -> str:
    return f"{header('pool', 'lecture')}[[task]]"
