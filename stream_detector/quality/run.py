"""One batch: its calls go once through the engine and once through the rivals, and what they did is judged."""

import heapq
import time
from collections.abc import Iterable, Iterator, Mapping
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
from stream_detector.domain.decisions import Action, Decision, Source
from stream_detector.quality.evaluations import Evaluations
from stream_detector.quality.inputs import Inputs, completed, sources_of
from stream_detector.quality.labels import Label
from stream_detector.quality.matrix import Batch
from stream_detector.quality.outcome import BatchOutcome, CellOutcome, Trial
from stream_detector.quality.rivals.catalogue import RIVALS
from stream_detector.quality.scoring import judge
from stream_detector.quality.spool import read_population
from stream_detector.quality.standing import InForce, in_force
from stream_detector.quality.traffic import DAY_S, Sent, Traffic
from stream_detector.quality.trials import Scene, trials_of
from stream_detector.quality.truth import scenario_of, truth_of
from stream_detector.simulate.scenario import traffic


class Run(Struct, frozen=True, kw_only=True):
    """What a batch is run with."""

    policy: Policy
    inputs: Inputs
    population: Path
    """Its calls, as `spool` wrote them."""
    with_trials: bool = True
    with_rivals: bool = True


class _Watched(Struct, frozen=True):
    """What the engine did with the calls of a batch."""

    decisions: list[Decision]
    evaluations: Evaluations
    traffic: dict[str, Sent]


def run_batch(batch: Batch, run: Run) -> BatchOutcome:
    """From start to end, in this process; the same batch gives the same outcome."""
    started_s = time.perf_counter()
    truth = truth_of(batch)
    watched = _observe(_calls(batch, run), run.policy)
    engine_s = time.perf_counter() - started_s
    judged = judge(truth, in_force(watched.decisions), watched.traffic)
    days = int(sum(person.days or 0 for person in judged.people.values()))
    scene = Scene(truth, watched.traffic, days)
    trials = trials_of(scene, watched.evaluations.of, run.policy) if run.with_trials else {}
    rivals_s = time.perf_counter()
    rivals = _meet_rivals(batch, run, truth, watched.traffic) if run.with_rivals else {}
    cells = {cell.campaign.id: cell for cell in batch.cells}
    return BatchOutcome(
        seed=batch.population.scenario.seed,
        population=batch.population.name,
        cells=tuple(CellOutcome(cells[each.id], each) for each in judged.campaigns),
        people=judged.people,
        trials=trials,
        rivals=rivals,
        calls=sum(len(sent.times) for sent in watched.traffic.values()),
        evaluations=watched.evaluations.count,
        engine_s=engine_s,
        rivals_s=time.perf_counter() - rivals_s,
    )


def _calls(batch: Batch, run: Run) -> Iterator[ApiCall]:
    """Of honest clients and campaigns, in time order."""
    return heapq.merge(read_population(run.population), _campaign_calls(batch, run), key=attrgetter("ts"))


def _campaign_calls(batch: Batch, run: Run) -> Iterator[ApiCall]:
    return completed(traffic(scenario_of(batch), sources=sources_of(run.inputs)), run.inputs)


def _observe(calls: Iterable[ApiCall], policy: Policy) -> _Watched:
    """As the service does, in one partition."""
    evaluations, seen = Evaluations(), Traffic()
    engine = Engine(build_all(), policy, evaluations)
    allowed_until = {entry.client: entry.expires.timestamp() for entry in policy.allowlist}
    scope = Scope(Partition(), Neighbours(), allowed_until)
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


def _meet_rivals(batch: Batch, run: Run, truth: Mapping[str, Label], sent: Mapping[str, Sent]) -> dict[str, Trial]:
    """Rivals learn from the honest warm-up, and then watch campaigns, and honest clients where the batch says so."""
    population = batch.population
    ready_s = population.scenario.start_s + population.warm_up_days * DAY_S
    rivals = [make() for make in RIVALS]
    if not rivals:
        return {}
    warm_up, later = [], []
    for call in read_population(run.population):
        if call.ts < ready_s:
            warm_up.append(call)
        elif batch.judges_people:
            later.append(call)
        else:
            break
    for rival in rivals:
        rival.calibrate(warm_up)
    warm_up.clear()
    alarms: list[dict[tuple[str, int], float]] = [{} for _ in rivals]
    for call in heapq.merge(later, _campaign_calls(batch, run), key=attrgetter("ts")):
        for rival, raised in zip(rivals, alarms, strict=True):
            if rival.observe(call):
                raised.setdefault((call.client, int(call.ts // DAY_S)), call.ts)
    days = 0
    if batch.judges_people:
        people = [client for client, label in truth.items() if label.campaign is None and client in sent]
        days = sum(len(sent[client].since(ready_s).days()) for client in people)
    scene = Scene(truth, sent, days)
    return {rival.name: scene.judge(_until_midnight(raised)) for rival, raised in zip(rivals, alarms, strict=True)}


def _until_midnight(alarms: Mapping[tuple[str, int], float]) -> dict[str, tuple[InForce, ...]]:
    periods: dict[str, list[InForce]] = {}
    for (client, day), at_s in sorted(alarms.items()):
        periods.setdefault(client, []).append(InForce(Action.THROTTLE, at_s, (day + 1) * DAY_S))
    return {client: tuple(mine) for client, mine in periods.items()}
