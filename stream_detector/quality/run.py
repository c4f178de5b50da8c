"""One batch: its calls go once through the engine, and what it did is judged."""

import heapq
import time
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path

from msgspec import Struct

from stream_detector.detection.detectors.catalogue import build_all
from stream_detector.detection.engine import Engine, Scope
from stream_detector.detection.partition import Partition
from stream_detector.detection.policy import Policy
from stream_detector.detection.population import Neighbours
from stream_detector.detection.profile import Profile
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Decision, Source
from stream_detector.quality.evaluations import Evaluations
from stream_detector.quality.inputs import Inputs, completed, sources_of
from stream_detector.quality.matrix import Batch
from stream_detector.quality.outcome import BatchOutcome, CellOutcome, Peaks
from stream_detector.quality.scoring import judge
from stream_detector.quality.spool import read_calls, written
from stream_detector.quality.standing import in_force
from stream_detector.quality.traffic import Sent, Traffic
from stream_detector.quality.trials import Scene, trials_of
from stream_detector.quality.truth import scenario_of, truth_of
from stream_detector.quality.unlearned import purposes_without
from stream_detector.simulate.campaigns import Family
from stream_detector.simulate.scenario import traffic


class Run(Struct, frozen=True, kw_only=True):
    """What a batch is run with."""

    policy: Policy
    inputs: Inputs
    population: Path
    """Its calls, as `spool` wrote them."""
    campaigns: Path | None = None
    """Where to write the calls of the campaigns, for the rivals; None for nowhere."""
    with_trials: bool = True
    unlearned: Family | None = None
    """The engine knows nothing that was learned from this family."""


class _Watched(Struct, frozen=True):
    """What the engine did with the calls of a batch."""

    decisions: list[Decision]
    evaluations: Evaluations
    traffic: dict[str, Sent]


def run_batch(batch: Batch, run: Run) -> BatchOutcome:
    """From start to end, in this process; the same batch gives the same outcome."""
    started_s = time.perf_counter()
    truth = truth_of(batch)
    watched = _observe(_calls(batch, run), run)
    engine_s = time.perf_counter() - started_s
    judged = judge(truth, in_force(watched.decisions), watched.traffic)
    days = int(sum(person.days or 0 for person in judged.people.values()))
    scene = Scene(truth, watched.traffic, days)
    trials = trials_of(scene, watched.evaluations.of, run.policy) if run.with_trials else {}
    cells = {cell.campaign.id: cell for cell in batch.cells}
    return BatchOutcome(
        seed=batch.population.scenario.seed,
        population=batch.population.name,
        cells=tuple(CellOutcome(cells[each.id], each) for each in judged.campaigns),
        people=judged.people,
        trials=trials,
        peaks=tuple(
            Peaks(client, truth[client].kind if truth[client].campaign else "", evidence)
            for (client, _), evidence in watched.evaluations.peaks.items()
        ),
        calls=sum(len(sent.times) for sent in watched.traffic.values()),
        evaluations=watched.evaluations.count,
        engine_s=engine_s,
    )


def _calls(batch: Batch, run: Run) -> Iterator[ApiCall]:
    """Of honest clients and campaigns, in time order."""
    campaigns = completed(traffic(scenario_of(batch), sources=sources_of(run.inputs)), run.inputs)
    if run.campaigns is not None:
        campaigns = written(campaigns, run.campaigns)
    return heapq.merge(read_calls(run.population), campaigns, key=attrgetter("ts"))


def _observe(calls: Iterable[ApiCall], run: Run) -> _Watched:
    """As the service does, in one partition."""
    evaluations, seen = Evaluations(), Traffic()
    engine = Engine(build_all(), run.policy, evaluations)
    allowed_until = {entry.client: entry.expires.timestamp() for entry in run.policy.allowlist}
    partition = Partition()
    if run.unlearned is not None:
        partition.purposes = purposes_without(run.unlearned)
    scope = Scope(partition, Neighbours(), allowed_until)
    profiles: dict[str, Profile] = {}
    decisions = []
    for offset, call in enumerate(calls):
        seen.add(call)
        profile = profiles.get(call.client)
        if profile is None:
            profile = profiles[call.client] = Profile()
        decision = engine.observe(call, Source(0, offset), profile, scope)
        if decision is not None:
            decisions.append(decision)
    return _Watched(decisions, evaluations, seen.by_client())
