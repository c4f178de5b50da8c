"""Words of campaigns: which language, which wording, laid out how. All drawn from a seed, nothing constant over seeds."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import count, repeat
from random import Random
from typing import Any

from stream_detector.simulate.campaigns.campaign import Campaign, Language, Template
from stream_detector.simulate.campaigns.members import Member
from stream_detector.simulate.grammar import Grammar, english

LANGUAGES = tuple(language for language in Language if language is not Language.MIXED)

Build = Callable[[Random, Grammar], str]
"""Writes one template, with [[marks]] for what differs from call to call."""

_SECTIONS = (
    "## {0}\n{1}",
    "### {0}:\n{1}",
    "<{2}>\n{1}\n</{2}>",
    "{0}: {1}",
    "[{3}]\n{1}",
    "**{0}**\n{1}",
    "--- {0} ---\n{1}",
    "{3}\n{1}",
    "{2} = {1}",
    "{0} >> {1}",
    "# {0}\n\n{1}",
    "({0})\n{1}",
)
_BULLETS = ("{0}. ", "{0}) ", "- ", "* ", "({0}) ", "• ", "{0} - ", "[{0}] ", "> ")


class Layout:
    """How somebody lays prompts out: headings, bullets, blank lines."""

    def __init__(self, rng: Random) -> None:
        self._section = rng.choice(_SECTIONS)
        self._bullet = rng.choice(_BULLETS)
        self._between = rng.choice(("\n\n", "\n\n", "\n"))

    def section(self, heading: str, body: str) -> str:
        """A part with a heading."""
        return self._section.format(heading, body, heading.lower().replace(" ", "_"), heading.upper())

    def points(self, lines: Sequence[str]) -> str:
        """A list."""
        return "\n".join(self._bullet.format(number) + line for number, line in enumerate(lines, 1))

    def text(self, *parts: str) -> str:
        """The parts below one another; empty ones are left out."""
        return self._between.join(part for part in parts if part)


def some(rng: Random, grammar: Grammar, table: str, least: int) -> list[str]:
    """One line of at least so many rules of a table, in random order; of all, if there are fewer."""
    rules = grammar.groups[table]
    chosen = rng.sample(rules, rng.randint(min(least, len(rules)), len(rules)))
    return [grammar.line(rng, rule) for rule in chosen]


@cache
def _tables() -> Mapping[Language, Mapping[str, Any]]:
    own = _read("campaigns_languages.toml")
    everyday = _read("languages.toml")
    tables = {Language(name): {**everyday[name], **own[name]} for name in own}
    return {**tables, Language.ENGLISH: {**_read("english.toml"), **_read("campaigns_english.toml")}}


@cache
def grammar_of(language: Language) -> Grammar:
    """The grammar of a language, with the words of campaigns."""
    return Grammar(_tables()[language])


def tongue(campaign: Campaign, rng: Random) -> Language:
    """The language of one prompt."""
    return rng.choice(LANGUAGES) if campaign.language is Language.MIXED else campaign.language


def wordings(
    campaign: Campaign, member: Member, build: Build, purpose: str = "template", bare: str = "[[task]]"
) -> Iterator[str]:
    """The template of each call, without end: one for the campaign, another one every time, or `bare`."""
    if campaign.template is Template.NONE:
        return repeat(bare)
    if campaign.template is Template.PARAPHRASED:
        return (build(member.rng, grammar_of(tongue(campaign, member.rng))) for _ in count())
    fixed: dict[Language, str] = {}
    for language in LANGUAGES if campaign.language is Language.MIXED else (campaign.language,):
        fixed[language] = build(member.shared(f"{purpose}/{language}"), grammar_of(language))
    return (fixed[tongue(campaign, member.rng)] for _ in count())


def questions(campaign: Campaign, member: Member) -> Iterator[str]:
    """The member's part of the campaign's list: by index, and none that another one has asked."""
    for number in count(member.index, campaign.accounts):
        rng = Random(f"{member.secret}/{number}")
        question = _question(rng, tongue(campaign, rng))
        if hash(question) not in member.asked:
            member.asked.add(hash(question))
            yield question


def _question(rng: Random, language: Language) -> str:
    grammar = english() if language is Language.ENGLISH else grammar_of(language)
    details = ("note", "remark") if language is Language.ENGLISH else ("note",)
    subjects = grammar.groups["exam"]
    case = " ".join(grammar.line(rng, rng.choice(details)) for _ in range(rng.choice((0, 1, 2, 3))))
    return f"{case} {grammar.line(rng, rng.choice(subjects))}".strip()


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("stream_detector.simulate").joinpath("texts", name).read_text("utf-8"))
