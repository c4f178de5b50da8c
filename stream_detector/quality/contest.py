"""Rivals on the same calls. They judge every client alone, so one honest population is enough for all of its batches."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, takewhile
from pathlib import Path

from msgspec import Struct

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action
from stream_detector.quality.labels import Label
from stream_detector.quality.matrix import Batch
from stream_detector.quality.outcome import ContestOutcome
from stream_detector.quality.rivals.base import Rival
from stream_detector.quality.rivals.catalogue import RIVALS
from stream_detector.quality.spool import read_calls
from stream_detector.quality.standing import InForce
from stream_detector.quality.traffic import DAY_S, Traffic
from stream_detector.quality.trials import Scene
from stream_detector.quality.truth import truth_of


class Field(Struct, frozen=True, kw_only=True):
    """All batches beside one population, run before."""

    batches: tuple[Batch, ...]
    population: Path
    campaigns: tuple[Path, ...]
    """Of each batch."""

    @property
    def ready_s(self) -> float:
        """Event time at which the warm-up is over."""
        population = self.batches[0].population
        return population.scenario.start_s + population.warm_up_days * DAY_S


def contest(field: Field) -> ContestOutcome:
    """Let the rivals learn from the honest warm-up, and then watch honest clients and campaigns."""
    started_s = time.perf_counter()
    rivals = [make() for make in RIVALS]
    warm_up = list(takewhile(lambda call: call.ts < field.ready_s, read_calls(field.population)))
    for rival in rivals:
        rival.calibrate(warm_up)
    warm_up.clear()
    traffic = Traffic()
    alarms = _watch(rivals, _later(field), traffic)
    truth: dict[str, Label] = {}
    for batch in field.batches:
        truth |= truth_of(batch)
    sent = traffic.by_client()
    people = [client for client, label in truth.items() if label.campaign is None and client in sent]
    scene = Scene(truth, sent, sum(len(sent[client].days()) for client in people))
    return ContestOutcome(
        seed=field.batches[0].population.scenario.seed,
        rivals={rival.name: scene.judge(_until_midnight(mine)) for rival, mine in zip(rivals, alarms, strict=True)},
        calls=sum(len(each.times) for each in sent.values()),
        seconds=time.perf_counter() - started_s,
    )


_Alarms = dict[tuple[str, int], float]
"""(client, UTC day) -> event time of the first alarm."""


def _later(field: Field) -> Iterator[ApiCall]:
    """Honest calls after the warm-up, then the campaigns of one batch after the other, each in the order of time."""
    honest = (call for call in read_calls(field.population) if call.ts >= field.ready_s)
    return chain(honest, chain.from_iterable(read_calls(path) for path in field.campaigns))


def _watch(rivals: Sequence[Rival], calls: Iterable[ApiCall], traffic: Traffic) -> list[_Alarms]:
    alarms: list[_Alarms] = [{} for _ in rivals]
    for call in calls:
        traffic.add(call)
        for rival, mine in zip(rivals, alarms, strict=True):
            if rival.observe(call):
                mine.setdefault((call.client, int(call.ts // DAY_S)), call.ts)
    return alarms


def _until_midnight(alarms: Mapping[tuple[str, int], float]) -> dict[str, tuple[InForce, ...]]:
    periods: dict[str, list[InForce]] = {}
    for (client, day), at_s in sorted(alarms.items()):
        periods.setdefault(client, []).append(InForce(Action.THROTTLE, at_s, (day + 1) * DAY_S))
    return {client: tuple(mine) for client, mine in periods.items()}
