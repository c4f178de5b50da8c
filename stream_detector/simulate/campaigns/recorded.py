"""Real material of campaigns, where a folder of published recordings is at hand. Nothing of it is part of this package.

The header and seed tasks of tatsu-lab/stanford_alpaca (Apache-2.0), the questions of teknium1/GPTeacher (MIT), and the test
questions of hendrycks/test (MIT) in the order of the file.
"""

import gzip
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from stream_detector.domain.errors import ConfigError
from stream_detector.simulate.campaigns.material import Choice, Material

_HEADER = "attack_queries/alpaca_prompt.txt"
_SEEDS = "attack_queries/alpaca_seed_tasks.jsonl"
_QUESTIONS = "attack_queries/gpteacher_roleplay_instruct.jsonl.gz"
_SWEEP = "attack_queries/mmlu_test.jsonl.gz"

_Row = TypeVar("_Row", bound=Struct)


class _Instance(Struct, frozen=True):
    input: str
    output: str


class _Seed(Struct, frozen=True):
    instruction: str
    instances: tuple[_Instance, ...]

    @property
    def text(self) -> str:
        first = self.instances[0]
        return f"Instruction: {self.instruction}\nInput: {first.input or '<noinput>'}\nOutput: {first.output}"


class _Question(Struct, frozen=True):
    instruction: str
    input: str = ""

    @property
    def text(self) -> str:
        return f"{self.instruction}\n{self.input}".strip()


class _Test(Struct, frozen=True):
    subject: str
    question: str
    a: str = field(name="A")
    b: str = field(name="B")
    c: str = field(name="C")
    d: str = field(name="D")

    @property
    def choice(self) -> Choice:
        return Choice(self.question, (self.a, self.b, self.c, self.d))


def read(directory: Path) -> Material:
    """Material for `scenario.traffic` from a folder laid out as in its own INDEX.md.

    Raises:
        ConfigError: a file is missing or is not what it should be.
    """
    try:
        header = (directory / _HEADER).read_text("utf-8").rstrip("\n") + "\n"
        seeds = tuple(seed.text for seed in _rows(directory / _SEEDS, _Seed))
        questions = tuple(dict.fromkeys(question.text for question in _rows(directory / _QUESTIONS, _Question)))
        tests = groupby(_rows(directory / _SWEEP, _Test), key=attrgetter("subject"))
        sweep = tuple((name.replace("_", " "), tuple(test.choice for test in group)) for name, group in tests)
    except (OSError, EOFError, ValueError, IndexError) as error:
        message = f"recordings: {error}; name a folder with attack_queries, or simulate without one"
        raise ConfigError(message) from error
    return Material(header=header, seeds=seeds, questions=questions, sweep=sweep)


def _rows(path: Path, kind: type[_Row]) -> Iterator[_Row]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return (msgspec.json.decode(line, type=kind) for line in content.splitlines() if line)
