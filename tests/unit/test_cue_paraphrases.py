"""How well the rules for cues generalise: prompts in words of their own, some never looked at while rules were written."""

import tomllib
from pathlib import Path

import pytest

from stream_detector.detection.cues import Cue
from stream_detector.detection.sketching import Sketcher

SKETCHER = Sketcher(b"a salt of the tests")
PROMPTS = tomllib.loads(Path(__file__).with_name("cue_paraphrases.toml").read_text("utf-8"))
CUES = [cue.name.lower() for cue in Cue if cue.name]


def found(name: str, part: str) -> float:
    """Share of the prompts that have the cue."""
    prompts = PROMPTS[name][part]
    return sum(bool(SKETCHER.sketch(prompt).cues & Cue[name.upper()]) for prompt in prompts) / len(prompts)


@pytest.mark.parametrize("name", CUES)
def test_rules_find_the_prompts_they_were_written_for(name: str) -> None:
    assert found(name, "tuned") >= 0.95


@pytest.mark.parametrize("name", CUES)
def test_rules_find_most_prompts_that_they_were_not_written_for(name: str) -> None:
    assert found(name, "held_out") >= 0.75


@pytest.mark.parametrize("prompt", PROMPTS["none"]["tuned"] + PROMPTS["none"]["held_out"])
def test_everyday_prompts_in_many_languages_have_no_cue(prompt: str) -> None:
    assert SKETCHER.sketch(prompt).cues == 0
