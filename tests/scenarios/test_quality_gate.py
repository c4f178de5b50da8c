"""The quality gate: a fixed part of the benchmark is no worse than recorded in tests/quality_gate.toml."""

from pathlib import Path

import msgspec
import pytest

from stream_detector.domain.errors import ConfigError
from stream_detector.quality.figures import Figures
from stream_detector.quality.gate import Gate, failures_of, read_gate, run_gate
from stream_detector.simulate.campaigns import Family

PATH = Path(__file__).parent.parent / "quality_gate.toml"


@pytest.fixture(scope="module")
def gate() -> Gate:
    return read_gate(PATH)


@pytest.fixture(scope="module")
def figures(gate: Gate) -> Figures:
    return run_gate(gate).figures


def test_no_family_is_found_less_and_no_class_is_hurt_more_than_recorded(gate: Gate, figures: Figures) -> None:
    assert failures_of(gate, figures) == []


def test_every_family_and_every_class_took_part(gate: Gate, figures: Figures) -> None:
    assert {each.family for each in figures.families} == set(Family)
    assert set(gate.budget) <= {each.kind for each in figures.classes}


def test_the_gate_closes_when_recall_falls_or_a_budget_is_exceeded(gate: Gate, figures: Figures) -> None:
    family = max(figures.families, key=lambda each: each.recall)
    lost = msgspec.structs.replace(family, found=0, recall=0.0)
    hurt = msgspec.structs.replace(figures.classes[0], acted_on=9.0, share=0.9)
    worse = msgspec.structs.replace(
        figures,
        families=tuple(lost if each is family else each for each in figures.families),
        classes=(hurt, *figures.classes[1:]),
        honest=msgspec.structs.replace(figures.honest, share=0.5, blocked_clients=2.0),
    )
    strict = msgspec.structs.replace(gate, recall=dict.fromkeys(Family, 0.0) | {Family(family.family): 0.5})
    said = failures_of(strict, worse)
    assert [line.partition(":")[0] for line in said] == [family.family, hurt.kind, "honest clients", "honest clients"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("seed = 1", "missing required field"),
        ("what = 1", "unknown field"),
        ("[recall]\nnobody = 1.0", "nobody"),
        ("[recall]\nramp = 2.0", "<= 1"),
        ("not TOML", "--gate"),
    ],
)
def test_a_gate_that_does_not_fit_is_refused(tmp_path: Path, change: str, complaint: str) -> None:
    whole = "seed = 1\nclients = 9\nscale = 0.1\ndays = 7.0\neveryday = 0.1\n"
    text = change if change.startswith(("seed", "not")) else whole + f"{change}\n"
    (tmp_path / "gate.toml").write_text(text + ("" if "recall" in change else "\n[recall]\n") + "\n[budget]\n")
    with pytest.raises(ConfigError, match="--gate") as refused:
        read_gate(tmp_path / "gate.toml")
    assert complaint in str(refused.value)


def test_a_gate_must_name_every_family(tmp_path: Path) -> None:
    text = PATH.read_text("utf-8").replace("ramp =", "#")
    (tmp_path / "gate.toml").write_text(text)
    with pytest.raises(ConfigError, match="recall lacks ramp"):
        read_gate(tmp_path / "gate.toml")
