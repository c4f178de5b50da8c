"""Texts from small grammars: a rule is a list of lines with {slots}, and a slot is another rule or a made-up token.

Made-up words stand in for the open vocabulary of real text. Without them every client would soon repeat itself, which real
people do not. Over 500 prompts the number of distinct shingles grows with the exponent 0.86 to 0.93 here, 0.99 in Arena-Hard
and 0.94 in GPTeacher.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from itertools import chain
from random import Random
from typing import Any, TypeAlias

_SLOT = re.compile(r"\{([a-z_]+)\}")
_ENDINGS = ("l", "m", "n", "r", "s", "th", "ck", "", "", "")

Draw = Callable[[], float]
"""A random number from 0 up to, not including, 1."""


def _joined(first: str, second: str) -> tuple[str, ...]:
    return tuple(f"{one}{other}" for one in first for other in second)


_SYLLABLES: Mapping[str, tuple[str, ...]] = {
    "word": _joined("bcdfghklmnprstvz", "aeiou"),
    "cyrillic": _joined("бвгдзклмнпрстх", "аеиоуы"),
    "arabic": _joined("بتجدرسشعفقكلمنه", "اوي"),
    "devanagari": _joined("कगचजतदनपबमरलवस", "ािीुेो"),
    "kana": tuple(map(chr, range(0x30A2, 0x30ED, 2))),
    "han": tuple(map(chr, range(0x4E00, 0x4E00 + 2000, 3))),
}
"""Slot of a made-up word -> its syllables."""


def _word(script: str) -> Callable[[Draw], str]:
    syllables = _SYLLABLES[script]
    endings = _ENDINGS if script == "word" else ("",)

    size, last = len(syllables), len(endings)

    def made(draw: Draw) -> str:
        is_long = draw() >= 0.5  # noqa: PLR2004  plain choice
        word = syllables[int(draw() * size)] + syllables[int(draw() * size)]
        if is_long:
            word += syllables[int(draw() * size)]
        return word + endings[int(draw() * last)]

    return made


_latin_word = _word("word")
_MADE_UP: Mapping[str, tuple[Callable[[Draw], str], int]] = {
    **{script: (_word(script), len(syllables) ** 2) for script, syllables in _SYLLABLES.items()},
    "int": (lambda draw: str(10 + int(draw() * 990)), 990),
    "small": (lambda draw: str(2 + int(draw() * 8)), 8),
    "year": (lambda draw: str(1400 + int(draw() * 625)), 625),
    "name": (lambda draw: _latin_word(draw).capitalize(), len(_SYLLABLES["word"]) ** 2),
    "hex": (lambda draw: f"{int(draw() * (1 << 32)):08x}", 1 << 32),
}
"""Slot -> how it is made, and how many different ones there are at least."""

_Part = str | tuple[str]
"""Literal text, or the name of a slot as a tuple of one."""

_Step: TypeAlias = "str | tuple[str, ...] | list[tuple[_Step, ...]] | Callable[[Draw], str]"
"""The same, resolved: literal text, one of several texts, one of several lines, or a made-up token."""


class Grammar:
    """Rules of one language."""

    def __init__(self, tables: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
        self.groups: dict[str, tuple[str, ...]] = {table: tuple(rules) for table, rules in tables.items()}
        """Table -> names of its rules, such as the topics."""
        self._rules: dict[str, tuple[tuple[_Part, ...], ...]] = {
            rule: tuple(_parts(line) for line in lines)
            for rule, lines in chain.from_iterable(rules.items() for rules in tables.values())
        }
        for rule, lines in self._rules.items():
            for part in chain.from_iterable(lines):
                if not isinstance(part, str) and part[0] not in self._rules and part[0] not in _MADE_UP:
                    message = f"grammar: {rule!r} uses {part[0]!r}, which no table defines; add it or correct the name"
                    raise ValueError(message)
        self._steps = self._resolved()

    def line(self, rng: Random, rule: str) -> str:
        """One text of a rule."""
        pieces: list[str] = []
        _expand(rng.random, (self._steps[rule],), pieces)
        return "".join(pieces)

    def variants(self, rule: str) -> tuple[str, ...]:
        """All lines of a rule that has no slots."""
        return tuple("".join(part for part in line if isinstance(part, str)) for line in self._rules[rule])

    def size(self, rule: str) -> int:
        """At least so many different texts has the rule (lines that give equal texts are not looked for)."""
        if rule in _MADE_UP:
            return _MADE_UP[rule][1]
        total = 0
        for line in self._rules[rule]:
            product = 1
            for part in line:
                product *= 1 if isinstance(part, str) else self.size(part[0])
            total += product
        return total

    def _resolved(self) -> dict[str, _Step]:
        """Rule or slot -> its step; a rule of plain texts needs no lines."""
        steps: dict[str, _Step] = {slot: make for slot, (make, _) in _MADE_UP.items()}
        lines_of: dict[str, list[tuple[_Step, ...]]] = {}
        for rule, lines in self._rules.items():
            if all(isinstance(part, str) for line in lines for part in line):
                steps[rule] = self.variants(rule)
            else:
                steps[rule] = lines_of[rule] = []
        for rule, found in lines_of.items():
            found += [
                tuple(part if isinstance(part, str) else steps[part[0]] for part in line) for line in self._rules[rule]
            ]
        return steps


def _expand(draw: Draw, line: tuple[_Step, ...], pieces: list[str]) -> None:
    """The inner loop of the simulator: types are compared in the order of their frequency."""
    for step in line:
        if isinstance(step, str):
            pieces.append(step)
        elif isinstance(step, tuple):
            pieces.append(step[int(draw() * len(step))])
        elif isinstance(step, list):
            _expand(draw, step[int(draw() * len(step))], pieces)
        else:
            pieces.append(step(draw))


def _parts(line: str) -> tuple[_Part, ...]:
    split = _SLOT.split(line)
    return tuple((text,) if index % 2 else text for index, text in enumerate(split) if index % 2 or text)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("texts", name).read_text("utf-8"))


@cache
def english() -> Grammar:
    """The large grammar: topics, exam questions, texts of programs, products and occasions."""
    return Grammar(_read("english.toml") | _read("trades.toml"))


@cache
def languages() -> Mapping[str, Grammar]:
    """Language -> its grammar of everyday questions and of products; without English."""
    trades = _read("trades_languages.toml")
    return {language: Grammar(tables | trades[language]) for language, tables in _read("languages.toml").items()}


@cache
def header(table: str, name: str) -> str:
    """One constant beginning of prompts from `headers.toml`."""
    text = _read("headers.toml")[table][name]
    return str(text)
