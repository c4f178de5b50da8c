"""Cue bits: words that, near each other, hint at a purpose. Words and rules are in `cues.toml`.

A *concept* is a set of words and phrases of one meaning, in many languages at once. A rule names concepts that must all
occur within a few words, in any order, with anything between them: so a rule covers every wording and word order that
its concepts allow, and every language in which they have words.

What cues miss: meanings that no concept has words for, other languages, instructions in an image or an attachment.
"""

import re
import tomllib
from collections.abc import Iterator
from enum import IntFlag
from functools import reduce
from importlib.resources import files
from itertools import product
from operator import or_

import msgspec
import numpy as np
import numpy.typing as npt

from stream_detector.detection.words import LONGEST_RUN, Hashes, WordHasher, Words
from stream_detector.domain.errors import ConfigError

NEAR_WORDS = 16
"""A rule's concepts begin within so many successive words (pairs of characters where a script has no spaces)."""
MAX_CONCEPTS = 64
_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_MAX_EXPANSIONS = 256
_BUCKET_SHIFT = np.array(46, np.uint64)
_LAST = (1 << 64) - 1


class Cue(IntFlag):
    """Bits of `Sketch.cues`. A bit keeps its meaning for ever; new cues take new bits."""

    REASONING = 1
    """Asks for the reasoning itself."""
    GRADING = 2
    """Uses the model as a judge or reward model."""
    REFUSAL = 4
    """Feels for the boundary between answer and refusal."""
    SYSTEM_PROMPT = 8
    """Tries to read the operator's instructions."""
    VERBATIM = 16
    """Wants text back unchanged, or through a detour of languages or encodings."""
    DATA_GENERATION = 32
    """Has training data made: instructions, tasks, dialogues, harder versions of prompts."""
    BENCHMARK = 64
    """Has the form of an exam: multiple choice, a marked final answer."""


class Rule(msgspec.Struct, frozen=True):
    """Concepts that hint at a purpose when they all begin within `NEAR_WORDS` successive words."""

    cue: Cue
    concepts: frozenset[str]


class Rules(msgspec.Struct, frozen=True):
    """A rules file."""

    concepts: dict[str, tuple[str, ...]] = {}
    """Name -> its words and phrases."""
    rules: tuple[Rule, ...] = ()


def read_rules(text: str) -> Rules:
    """Read a rules file (TOML: a table `concepts`, and one table per cue, named like it in lower case).

    Raises:
        ConfigError: not TOML, an unknown cue or concept, too many concepts, or a pattern with too many expansions.
    """
    try:
        tables = tomllib.loads(text)
        patterns = tables.pop("concepts", {})
        concepts = {
            name: tuple(word for pattern in listed for word in _expand(pattern)) for name, listed in patterns.items()
        }
        rules = tuple(
            Rule(Cue[name.upper()], frozenset(names.split()))
            for name, table in tables.items()
            for names in table["near"]
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        known = ", ".join(cue.name.lower() for cue in Cue if cue.name)
        message = f"cues: {error}; write a table `concepts`, and one per cue ({known}) with a list `near`"
        raise ConfigError(message) from error
    if len(concepts) > MAX_CONCEPTS:
        message = f"cues: {len(concepts)} concepts, allowed are {MAX_CONCEPTS}; unite some"
        raise ConfigError(message)
    for rule in rules:
        if not rule.concepts or not rule.concepts <= concepts.keys():
            message = (
                f"cues: a rule of {rule.cue.name} names {sorted(rule.concepts)}; use names of the table `concepts`"
            )
            raise ConfigError(message)
    return Rules(concepts, rules)


def _expand(pattern: str) -> Iterator[str]:
    parts = _ALTERNATIVES.split(pattern)
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    count = 1
    for options in choices:
        count *= len(options)
    if count > _MAX_EXPANSIONS:
        message = f"cues: {pattern!r} expands to {count} phrases, allowed are {_MAX_EXPANSIONS}; split it"
        raise ConfigError(message)
    return map("".join, product(*choices))


BUILT_IN = read_rules(files(__package__).joinpath("cues.toml").read_text("utf-8"))


def _starts(hasher: WordHasher, rules: Rules, bits: dict[str, int]) -> dict[int, dict[tuple[int, ...], int]]:
    """Hash of a phrase's first `LONGEST_RUN` words (of all, if it is shorter), ascending -> further words -> concepts."""
    starts: dict[int, dict[tuple[int, ...], int]] = {}
    for name, phrases in rules.concepts.items():
        for phrase in phrases:
            cut = hasher.cut(phrase)
            if not len(cut.words):
                message = f"cues: {phrase!r} holds no word; write letters or digits"
                raise ConfigError(message)
            rests, rest = starts.setdefault(int(cut.runs[0]), {}), tuple(cut.words[LONGEST_RUN:].tolist())
            rests[rest] = rests.get(rest, 0) | bits[name]
    return dict(sorted(starts.items()))


class CueFinder:
    """Looks concepts up in hashed words, and rules among the concepts found.

    A bitmap over runs of words finds candidates, a sorted array confirms them. Most texts hold too few concepts for any rule,
    and are done. For the others, the concepts that begin in each window of words are or-ed together.
    """

    def __init__(self, hasher: WordHasher, rules: Rules = BUILT_IN) -> None:
        bits = {name: 1 << index for index, name in enumerate(rules.concepts)}
        starts = _starts(hasher, rules, bits)
        self._rests = list(starts.values())
        self._starts = np.array([*starts, _LAST], np.uint64)
        self._alone = np.array([*(rests.get((), 0) for rests in self._rests), 0], np.uint64)
        """Bits of the concepts that a start is of by itself,"""
        self._at_most = np.array([*(reduce(or_, rests.values()) for rests in self._rests), 0], np.uint64)
        """and if it goes on as a phrase does."""
        self._is_start = np.zeros(1 << (64 - int(_BUCKET_SHIFT)), np.bool_)
        self._is_start[self._starts[:-1] >> _BUCKET_SHIFT] = True
        self._needed = np.array([sum(bits[name] for name in rule.concepts) for rule in rules.rules], np.uint64)
        self._cues = np.array([rule.cue for rule in rules.rules], np.int64)

    def find(self, text: Words) -> int:
        """All cues of a text as a bit set."""
        places = self._is_start.take((text.runs >> _BUCKET_SHIFT).view(np.int64)).nonzero()[0]
        candidates = text.runs.take(places)
        indices = self._starts.searchsorted(candidates)
        concepts = self._at_most.take(indices)
        concepts *= self._starts.take(indices) == candidates
        possible = ((self._needed & np.bitwise_or.reduce(concepts)) == self._needed).nonzero()[0]
        if not len(possible):
            return 0
        for at in (concepts > self._alone.take(indices)).nonzero()[0].tolist():
            concepts[at] = self._follow(text, int(places[at]), int(indices[at]))
        return self._confirm(possible, _by_word(text, places, concepts))

    def _follow(self, text: Words, place: int, index: int) -> int:
        """Bits of the concepts that a start is of, given the words after it. Only longest runs go on: they come first."""
        found, after = 0, place + LONGEST_RUN
        for rest, bits in self._rests[index].items():
            if tuple(text.words[after : after + len(rest)].tolist()) == rest:
                found |= bits
        return found

    def _confirm(self, possible: npt.NDArray[np.intp], where: Hashes) -> int:
        """Cues of the rules whose concepts begin near each other.

        Args:
            possible: rules to look at.
            where: bits of the concepts that begin at each word, and `NEAR_WORDS` zeros.
        """
        two: Hashes = where[:-1] | where[1:]
        four: Hashes = two[:-2] | two[2:]
        eight: Hashes = four[:-4] | four[4:]
        near: Hashes = eight[:-8] | eight[8:]
        windows = near.take(where.nonzero()[0])  # a window can always start at a concept
        needed = self._needed.take(possible)[:, np.newaxis]
        holds = np.logical_or.reduce((windows & needed) == needed, axis=1)
        return int(np.bitwise_or.reduce(self._cues.take(possible)[holds]))


def _by_word(text: Words, places: npt.NDArray[np.intp], concepts: Hashes) -> Hashes:
    """Bits of the concepts that begin at each word, and `NEAR_WORDS` zeros; given those that begin at places of `runs`."""
    count, triples = len(text.words), len(text.triples)
    runs = np.zeros(len(text.runs) + NEAR_WORDS, np.uint64)
    runs[places] = concepts
    where = runs[len(text.runs) - count :]
    where[:triples] |= runs[:triples]
    pairs = runs[triples : len(text.runs) - count]
    where[: len(pairs)] |= pairs
    return where
