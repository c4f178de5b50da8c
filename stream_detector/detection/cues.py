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
from importlib.resources import files
from itertools import product

import msgspec
import numpy as np
import numpy.typing as npt

from stream_detector.detection.words import Hashes, WordHasher, pairs_of
from stream_detector.domain.errors import ConfigError

NEAR_WORDS = 16
"""A rule's concepts begin within so many successive words (pairs of characters where a script has no spaces)."""
MAX_CONCEPTS = 64
_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_MAX_EXPANSIONS = 256
_BUCKET_SHIFT = np.array(48, np.uint64)
_NONE: dict[tuple[int, ...], int] = {}


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


class CueFinder:
    """Looks concepts up in hashed words, and rules among the concepts found.

    Bitmaps over words and over pairs of words find candidates, dictionaries confirm them. Most texts hold too few concepts
    for any rule, and are done. For the others, the concepts that begin in each window of words are or-ed together.
    """

    def __init__(self, hasher: WordHasher, rules: Rules = BUILT_IN) -> None:
        bits = {name: 1 << index for index, name in enumerate(rules.concepts)}
        self._is_word, self._is_pair = np.zeros((2, 1 << (64 - int(_BUCKET_SHIFT))), np.bool_)
        self._words: dict[int, int] = {}
        """Word -> bits of the concepts that it is of."""
        self._phrases: dict[int, dict[tuple[int, ...], int]] = {}
        """First two words of a phrase -> its further words -> bits."""
        for name, phrases in rules.concepts.items():
            for phrase in phrases:
                self._add(hasher.cut(phrase).words, bits[name], phrase)
        self._needed = np.array([sum(bits[name] for name in rule.concepts) for rule in rules.rules], np.uint64)
        self._cues = np.array([rule.cue for rule in rules.rules], np.int64)

    def _add(self, words: Hashes, bit: int, phrase: str) -> None:
        if not len(words):
            message = f"cues: {phrase!r} holds no word; write letters or digits"
            raise ConfigError(message)
        if len(words) == 1:
            word = int(words[0])
            self._is_word[words >> _BUCKET_SHIFT] = True
            self._words[word] = self._words.get(word, 0) | bit
            return
        pairs = pairs_of(words[:2])
        self._is_pair[pairs >> _BUCKET_SHIFT] = True
        known, rest = self._phrases.setdefault(int(pairs[0]), {}), tuple(words[2:].tolist())
        known[rest] = known.get(rest, 0) | bit

    def find(self, words: Hashes, pairs: Hashes) -> int:
        """All cues of a text as a bit set, given its hashed words and their `pairs_of`."""
        places = self._is_word.take((words >> _BUCKET_SHIFT).view(np.int64)).nonzero()[0]
        look_up = self._words.get
        concepts = [look_up(word, 0) for word in words.take(places).tolist()]
        phrases = self._find_phrases(words, pairs)
        everywhere = 0
        for bits in concepts:
            everywhere |= bits
        for _, bits in phrases:
            everywhere |= bits
        possible = ((self._needed & np.array(everywhere, np.uint64)) == self._needed).nonzero()[0]
        if not len(possible):
            return 0
        where = np.zeros(len(words) + NEAR_WORDS, np.uint64)
        where[places] = np.array(concepts, np.uint64)
        for place, bits in phrases:
            where[place] |= np.uint64(bits)
        return self._confirm(possible, where)

    def _find_phrases(self, words: Hashes, pairs: Hashes) -> list[tuple[int, int]]:
        """(place, bits of a concept that has a phrase there)."""
        found: list[tuple[int, int]] = []
        places = self._is_pair.take((pairs >> _BUCKET_SHIFT).view(np.int64)).nonzero()[0]
        for place, pair in zip(places.tolist(), pairs.take(places).tolist(), strict=True):
            for rest, bits in self._phrases.get(pair, _NONE).items():
                if not rest or tuple(words[place + 2 : place + 2 + len(rest)].tolist()) == rest:
                    found.append((place, bits))
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
        needed = self._needed.take(possible)
        holds = np.logical_or.reduce((windows[:, np.newaxis] & needed) == needed, axis=0)
        return int(np.bitwise_or.reduce(self._cues.take(possible)[holds]))
