"""The whole benchmark: all seeds, populations and batches, on a few processes."""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from stream_detector.detection.policy import Policy
from stream_detector.quality.contest import Field, contest
from stream_detector.quality.inputs import Inputs
from stream_detector.quality.matrix import Batch, Extent, batches
from stream_detector.quality.outcome import BatchOutcome, ContestOutcome
from stream_detector.quality.run import Run, run_batch
from stream_detector.quality.spool import write_population

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
    with_trials: bool = True
    processes: int = 2


class Outcomes(Struct, frozen=True):
    """What came of all tasks."""

    batches: tuple[BatchOutcome, ...]
    contests: tuple[ContestOutcome, ...]


class _Job(Struct, frozen=True):
    """All batches beside one population."""

    batches: tuple[Batch, ...]
    folder: Path
    has_rivals: bool

    @property
    def tasks(self) -> int:
        """How many."""
        return 1 + len(self.batches) + self.has_rivals

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
            ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool,
            ThreadPoolExecutor(
                options.processes
            ) as threads,  # one for each job under way; the work is done in the pool
        ):
            done = list(threads.map(lambda job: _do(job, options, pool, steps), jobs))
    return Outcomes(
        tuple(outcome for outcomes in done for outcome in outcomes.batches),
        tuple(outcome for outcomes in done for outcome in outcomes.contests),
    )


class _Steps:
    """Counts tasks that are done."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done = 0
        progress(0, total)

    def after(self, _: object) -> None:
        """One more."""
        self._done += 1
        self._progress(self._done, self._total)


def _jobs(options: Options, folder: Path) -> Iterator[_Job]:
    for place, seed in enumerate(options.seeds):
        beside: defaultdict[str, list[Batch]] = defaultdict(list)
        for batch in batches(seed, options.extent):
            beside[batch.population.name].append(batch)
        for name, mine in beside.items():
            yield _Job(tuple(mine), folder / f"{seed} {name}", place < options.rival_seeds)


def _do(job: _Job, options: Options, pool: Executor, steps: _Steps) -> Outcomes:
    job.folder.mkdir()
    runs = [job.run_of(number, options) for number in range(len(job.batches))]
    simulated = pool.submit(write_population, job.batches[0].population.scenario, options.inputs, runs[0].population)
    simulated.add_done_callback(steps.after)
    simulated.result()
    running = [pool.submit(run_batch, batch, run) for batch, run in zip(job.batches, runs, strict=True)]
    for each in running:
        each.add_done_callback(steps.after)
    outcomes = tuple(each.result() for each in running)
    contests: tuple[ContestOutcome, ...] = ()
    if job.has_rivals:
        campaigns = tuple(run.campaigns for run in runs if run.campaigns is not None)
        field = Field(batches=job.batches, population=runs[0].population, campaigns=campaigns)
        met = pool.submit(contest, field)
        met.add_done_callback(steps.after)
        contests = (met.result(),)
    shutil.rmtree(job.folder)
    return Outcomes(outcomes, contests)
