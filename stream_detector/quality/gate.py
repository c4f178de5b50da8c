"""The quality gate: a small, fixed part of the benchmark, held to recalls and budgets that were recorded in a file."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stream_detector.detection.policy import Policy
from stream_detector.domain.errors import ConfigError
from stream_detector.quality import honest
from stream_detector.quality.figures import Figures
from stream_detector.quality.inputs import Inputs
from stream_detector.quality.matrix import Batch, Cell, Population, cell_of, honest_scenario
from stream_detector.quality.run import Run, run_batch
from stream_detector.quality.scoring import ALL, by_family, precision, summarise
from stream_detector.quality.spool import write_population
from stream_detector.simulate.arrivals import DAY_S
from stream_detector.simulate.campaigns import Cover, Family

_Share = Annotated[float, Meta(ge=0, le=1)]
_QUIET = {Family.LOW_AND_SLOW: 150.0, Family.RAMP: 150.0}
"""Calls per account and day, where 1,000 would not be the family."""
_RATE = 1_000.0


class Gate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run, and what must come of it."""

    seed: int
    clients: int
    scale: float
    days: float
    """Event time; campaigns begin two days before its end."""
    everyday: _Share
    """Honest client-days of all classes that may be acted on."""
    recall: dict[Family, _Share]
    """Of the family's campaigns in the gate."""
    budget: dict[str, _Share]
    """Class of honest clients -> its client-days that may be acted on; 0 for classes that are not named."""


class Verdict(Struct, frozen=True):
    """What came of it."""

    figures: Figures
    failures: tuple[str, ...]
    """One line each; none if the gate is open."""


def read_gate(path: Path) -> Gate:
    """Read the file.

    Raises:
        ConfigError: it cannot be read, or is not what it should be.
    """
    try:
        gate = msgspec.toml.decode(path.read_bytes(), type=Gate)
    except OSError as error:
        message = f"--gate: {str(path)!r} cannot be read: {error.strerror}; name a file like tests/quality_gate.toml"
        raise ConfigError(message) from error
    except msgspec.DecodeError as error:
        message = f"--gate: {str(path)!r}: {error}; see tests/quality_gate.toml"
        raise ConfigError(message) from error
    missing = ", ".join(family for family in Family if family not in gate.recall)
    if missing:
        message = f"--gate: {str(path)!r}: recall lacks {missing}; record what they reach"
        raise ConfigError(message)
    return gate


def run_gate(gate: Gate) -> Verdict:
    """Run the subset on simulated traffic, which is the same everywhere, under the built-in policy."""
    scenario = honest_scenario(gate.seed, gate.clients, gate.scale, gate.days)
    population = Population(name="gate", scenario=scenario, warm_up_days=gate.days - 2)
    batch = Batch(name="gate", population=population, cells=_cells(gate))
    with TemporaryDirectory(prefix="stream-detector-gate-") as folder:
        path = Path(folder) / "population.jsonl"
        write_population(scenario, Inputs(), path)
        outcome = run_batch(batch, Run(policy=Policy(), inputs=Inputs(), population=path, with_trials=False))
    campaigns = [each.figures for each in outcome.cells]
    people = list(outcome.people.values())
    everybody = honest.summarise(ALL, people)
    figures = Figures(
        overall=summarise(ALL, campaigns),
        honest=everybody,
        block_precision=precision(sum(each.blocked for each in campaigns), everybody.blocked_clients),
        families=by_family(campaigns),
        classes=honest.by_class(people),
        campaigns=tuple(campaigns),
    )
    return Verdict(figures, tuple(failures_of(gate, figures)))


def failures_of(gate: Gate, figures: Figures) -> list[str]:
    """What is worse than recorded."""
    failures = []
    for family in figures.families:
        wanted = gate.recall[Family(family.family)]
        if family.recall < wanted:
            found = f"found {family.found} of {family.campaigns} campaigns"
            failures.append(f"{family.family}: {found}, recorded recall {wanted:.0%}")
    for each in figures.classes:
        budget = gate.budget.get(each.kind, 0.0)
        if each.share is not None and each.share > budget:
            acted_on = f"acted on {each.acted_on:g} of {each.client_days:g} client-days"
            failures.append(f"{each.kind}: {acted_on}, budget {budget:.1%}")
    share = figures.honest.share or 0.0
    if share > gate.everyday:
        failures.append(f"honest clients: acted on {share:.2%} of client-days, budget {gate.everyday:.2%}")
    if figures.honest.blocked_clients:
        failures.append(f"honest clients: {figures.honest.blocked_clients:g} blocked, none may be")
    return failures


def _cells(gate: Gate) -> tuple[Cell, ...]:
    """Each family alone at a high rate, mixed at one call in four, and over a few accounts."""
    late = {"start_after_s": (gate.days - 2) * DAY_S}
    mixed = {"mix": 0.75, "cover": Cover.DECOYS} | late
    return tuple(
        cell
        for family in Family
        for cell in (
            cell_of(family, _QUIET.get(family, _RATE), 1, "", late),
            cell_of(family, _QUIET.get(family, _RATE), 1, "", mixed),
            cell_of(family, 300.0 if family not in _QUIET else 100.0, 3, "", late),
        )
    )
