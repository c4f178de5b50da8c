"""The whole benchmark: all seeds, populations and batches, on a few processes."""

import shutil
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec
from msgspec import Struct

from stream_detector.detection.policy import Policy
from stream_detector.quality.contest import Field, contest
from stream_detector.quality.inputs import Inputs
from stream_detector.quality.matrix import Batch, Extent, batches
from stream_detector.quality.outcome import BatchOutcome, ContestOutcome
from stream_detector.quality.run import Run, run_batch
from stream_detector.quality.spool import write_population
from stream_detector.quality.unlearned import policy_without
from stream_detector.simulate.campaigns import Family

_FAMILIES_TO_LEARN_FROM = 5
"""Where there are fewer, leaving one out says little."""
_T = TypeVar("_T")

Progress = Callable[[int, int], None]
"""Told how many tasks are done, and of how many. From any thread."""


class Options(Struct, frozen=True, kw_only=True):
    """What to run."""

    seeds: tuple[int, ...]
    extent: Extent
    policy: Policy
    inputs: Inputs
    rival_seeds: int = 1
    """Rivals meet the first so many seeds: they take longer than all else."""
    left_out_seeds: int = 1
    """Families are left out, one at a time, on the first so many seeds."""
    with_trials: bool = True
    processes: int = 2


class Outcomes(Struct, frozen=True):
    """What came of all tasks."""

    batches: tuple[BatchOutcome, ...]
    contests: tuple[ContestOutcome, ...]
    left_out: tuple[BatchOutcome, ...]
    """Each of one family, by a detector that never saw it."""


class _Job(Struct, frozen=True):
    """All batches beside one population."""

    batches: tuple[Batch, ...]
    folder: Path
    has_rivals: bool
    unlearned: tuple[Family, ...]
    """Families to be left out, one at a time."""

    @property
    def tasks(self) -> int:
        """How many."""
        return 1 + len(self.batches) + self.has_rivals + len(self.unlearned)

    def run_of(self, number: int, options: Options) -> Run:
        """What a batch is run with."""
        return Run(
            policy=options.policy,
            inputs=options.inputs,
            population=self.folder / "population.jsonl",
            campaigns=self.folder / f"campaigns-{number}.jsonl" if self.has_rivals else None,
            with_trials=options.with_trials,
        )


def run_benchmark(options: Options, progress: Progress) -> Outcomes:
    """Run everything. Traffic is on disk only while it is needed, some hundred megabytes."""
    with TemporaryDirectory(prefix="stream-detector-quality-") as folder:
        jobs = list(_jobs(options, Path(folder)))
        steps = _Steps(sum(job.tasks for job in jobs), progress)
        with (
            _processes(options.processes) as pool,
            ThreadPoolExecutor(options.processes) as threads,  # one for each job under way; the pool does the work
            _stopped_on_error(),
        ):
            done = list(threads.map(lambda job: _do(job, options, pool, steps), jobs))
    return Outcomes(
        tuple(outcome for outcomes in done for outcome in outcomes.batches),
        tuple(outcome for outcomes in done for outcome in outcomes.contests),
        tuple(outcome for outcomes in done for outcome in outcomes.left_out),
    )


def _processes(count: int) -> ProcessPoolExecutor:
    """A Ctrl-C reaches all processes of a terminal; only the first one is to say so."""
    return ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )


@contextmanager
def _stopped_on_error() -> Iterator[None]:
    """Whatever ends the block early ends the processes, too; the pool would wait for their tasks."""
    try:
        yield
    except BaseException:
        for process in active_children():
            process.terminate()
        raise


class _Steps:
    """Counts tasks that are done."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done = 0
        progress(0, total)

    def counted(self, task: Future[_T]) -> Future[_T]:
        """The same task; it counts when it is done."""
        task.add_done_callback(self._count)
        return task

    def _count(self, _: object) -> None:
        self._done += 1
        self._progress(self._done, self._total)


def _jobs(options: Options, folder: Path) -> Iterator[_Job]:
    for place, seed in enumerate(options.seeds):
        beside: defaultdict[str, list[Batch]] = defaultdict(list)
        for batch in batches(seed, options.extent):
            beside[batch.population.name].append(batch)
        for name, mine in beside.items():
            families = sorted({cell.campaign.family for batch in mine for cell in batch.cells})
            is_enough = place < options.left_out_seeds and len(families) >= _FAMILIES_TO_LEARN_FROM
            yield _Job(
                tuple(mine),
                folder / f"{seed} {name}",
                place < options.rival_seeds,
                tuple(families) if is_enough else (),
            )


def _do(job: _Job, options: Options, pool: Executor, steps: _Steps) -> Outcomes:
    job.folder.mkdir()
    runs = [job.run_of(number, options) for number in range(len(job.batches))]
    population = job.batches[0].population.scenario
    steps.counted(pool.submit(write_population, population, options.inputs, runs[0].population)).result()
    running = [steps.counted(pool.submit(run_batch, *each)) for each in zip(job.batches, runs, strict=True)]
    outcomes = tuple(each.result() for each in running)
    later = [steps.counted(pool.submit(run_batch, *each)) for each in _without_a_family(job, runs[0], outcomes)]
    met = []
    if job.has_rivals:
        campaigns = tuple(run.campaigns for run in runs if run.campaigns is not None)
        field = Field(batches=job.batches, population=runs[0].population, campaigns=campaigns)
        met.append(steps.counted(pool.submit(contest, field)))
    result = Outcomes(outcomes, tuple(each.result() for each in met), tuple(each.result() for each in later))
    shutil.rmtree(job.folder)
    return result


def _without_a_family(job: _Job, run: Run, outcomes: Sequence[BatchOutcome]) -> Iterator[tuple[Batch, Run]]:
    """All campaigns of a family, and how to run them without having seen it."""
    peaks = [each for outcome in outcomes for each in outcome.peaks]
    for family in job.unlearned:
        cells = tuple(cell for batch in job.batches for cell in batch.cells if cell.campaign.family is family)
        batch = msgspec.structs.replace(job.batches[0], name=f"without {family}", cells=cells)
        yield (
            batch,
            Run(
                policy=policy_without(run.policy, family, peaks),
                inputs=run.inputs,
                population=run.population,
                with_trials=False,
                unlearned=family,
            ),
        )
