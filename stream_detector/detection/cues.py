"""Cue bits: phrases in a prompt that hint at a purpose. The phrases themselves are in `cues.toml`.

What cues miss: paraphrase, languages without phrases, instructions that only an image or an attachment holds.
"""

import re
import tomllib
from collections.abc import Iterator
from enum import IntFlag
from importlib.resources import files
from itertools import product

import msgspec
import numpy as np

from stream_detector.detection.words import Hashes, WordHasher, pairs_of
from stream_detector.domain.errors import ConfigError

_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_MAX_EXPANSIONS = 1024
_BUCKET_SHIFT = np.uint64(48)


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


class Phrase(msgspec.Struct, frozen=True):
    """One phrase and what it hints at."""

    cue: Cue
    text: str


def read_phrases(rules: str) -> tuple[Phrase, ...]:
    """Read a rules file (TOML: one table per cue, named like it in lower case).

    Raises:
        ConfigError: not TOML, an unknown cue, or a pattern with too many expansions.
    """
    try:
        tables = tomllib.loads(rules)
        return tuple(
            Phrase(Cue[name.upper()], text)
            for name, table in tables.items()
            for pattern in table["phrases"]
            for text in _expand(pattern)
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        known = ", ".join(cue.name.lower() for cue in Cue if cue.name)
        message = f"cues: {error}; write one table per cue ({known}), each with a list `phrases`"
        raise ConfigError(message) from error


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


BUILT_IN = read_phrases(files(__package__).joinpath("cues.toml").read_text("utf-8"))


class _Continuations(msgspec.Struct):
    """Phrases that begin with one pair of words, by their further words."""

    cues: dict[tuple[int, ...], int] = {}
    lengths: set[int] = set()


class CueFinder:
    """Looks phrases up in hashed words: a bitmap over word pairs finds candidates, a dictionary confirms them."""

    def __init__(self, hasher: WordHasher, phrases: tuple[Phrase, ...] = BUILT_IN) -> None:
        self._bitmap = np.zeros(1 << (64 - int(_BUCKET_SHIFT)), np.bool_)
        self._phrases: dict[int, _Continuations] = {}
        for phrase in phrases:
            words = hasher.cut(phrase.text).words
            if len(words) < 2:  # noqa: PLR2004  a pair is two
                message = f"cues: {phrase.text!r} is one word; a phrase has at least two"
                raise ConfigError(message)
            pairs = pairs_of(words[:2])
            self._bitmap[pairs >> _BUCKET_SHIFT] = True
            phrases_of_pair = self._phrases.setdefault(int(pairs[0]), _Continuations())
            rest = tuple(words[2:].tolist())
            phrases_of_pair.cues[rest] = phrases_of_pair.cues.get(rest, 0) | int(phrase.cue)
            phrases_of_pair.lengths.add(len(rest))

    def find(self, words: Hashes, pairs: Hashes) -> int:
        """All cues of a text as a bit set, given its hashed words and their `pairs_of`."""
        found = 0
        for start in self._bitmap.take(pairs >> _BUCKET_SHIFT).nonzero()[0].tolist():
            known = self._phrases.get(int(pairs[start]))
            if known is None:
                continue
            for length in known.lengths:
                rest = tuple(words[start + 2 : start + 2 + length].tolist())
                found |= known.cues.get(rest, 0)
        return found
