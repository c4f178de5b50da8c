"""From outcomes of batches to the result of the benchmark. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median

from stream_detector.quality import honest
from stream_detector.quality.benchmark import Options, Outcomes
from stream_detector.quality.honest import Tenure
from stream_detector.quality.outcome import BatchOutcome, CellOutcome, Trial
from stream_detector.quality.results import CampaignRow, FamilyResult, LeftOut, OverSeeds, Point, Result
from stream_detector.quality.scoring import ALL, precision, summarise
from stream_detector.quality.slices import BUSY, MIXED, SLICES
from stream_detector.quality.targets import BUDGET, targets_of
from stream_detector.quality.trials import AS_IT_IS, THRESHOLD, WITHOUT

_Place = tuple[int, str]
"""Seed and campaign."""


def result_of(outcomes: Outcomes, options: Options, seconds: float) -> Result:
    """All figures.

    Args:
        outcomes: of all batches; at least one campaign.
        options: what was run.
        seconds: wall time that it took.
    """
    cells = {(batch.seed, each.figures.id): each for batch in outcomes.batches for each in batch.cells}
    people = list(_people(outcomes.batches))
    families = sorted({each.figures.family for each in cells.values()})
    overall, everybody = _family(ALL, cells), honest.summarise(ALL, people)
    results = tuple(_family(name, {p: c for p, c in cells.items() if c.figures.family == name}) for name in families)
    ours = _points(_merged((batch.seed, batch.trials) for batch in outcomes.batches), cells)
    thresholds = tuple(point for name, point in ours.items() if name.startswith(THRESHOLD))
    classes = honest.by_class(people)
    block_precision = _over(_precisions(outcomes.batches))
    return Result(
        inputs=options.inputs.told(),
        seeds=options.seeds,
        calls=sum(batch.calls for batch in outcomes.batches),
        seconds=seconds,
        targets=targets_of(overall, results, everybody, classes, block_precision),
        overall=overall,
        families=results,
        honest=everybody,
        classes=classes,
        block_precision=block_precision,
        at_budget=next((point for point in thresholds if (point.honest_share or 0.0) <= BUDGET), None),
        thresholds=thresholds,
        rivals=tuple(_points(_merged((each.seed, each.rivals) for each in outcomes.contests), cells).values()),
        as_it_is=ours.get(AS_IT_IS),
        ablation=tuple(point for name, point in ours.items() if name.startswith(WITHOUT)),
        left_out=tuple(_left_out(outcomes.left_out, cells)),
        campaigns=tuple(_row(seed, each) for (seed, _), each in sorted(cells.items())),
    )


def _family(name: str, cells: Mapping[_Place, CellOutcome]) -> FamilyResult:
    recall = {}
    for title, is_in in SLICES.items():
        by_seed: defaultdict[int, list[bool]] = defaultdict(list)
        for (seed, _), each in cells.items():
            if is_in(each.cell):
                by_seed[seed].append(each.figures.found)
        recall[title] = _over(mean(found) for found in by_seed.values())
    busy = [each.figures for each in cells.values() if SLICES[BUSY](each.cell)]
    return FamilyResult(
        family=name,
        recall=recall,
        busy=summarise(name, busy) if busy else None,
        every=summarise(name, [each.figures for each in cells.values()]),
    )


def _over(values: Iterable[float]) -> OverSeeds:
    known = list(values)
    return OverSeeds(mean(known), min(known), max(known)) if known else OverSeeds(None, None, None)


def _people(batches: Sequence[BatchOutcome]) -> Iterable[Tenure]:
    """Each honest client of each seed once: a mean over the batches, in which it does the same beside other campaigns."""
    met: defaultdict[tuple[int, str, str], list[Tenure]] = defaultdict(list)
    for batch in batches:
        for client, each in batch.people.items():
            met[batch.seed, batch.population, client].append(each)
    for same in met.values():
        yield Tenure(
            kind=same[0].kind,
            days=same[0].days,
            acted_on=mean(each.acted_on or 0.0 for each in same),
            blocked_days=mean(each.blocked_days or 0.0 for each in same),
            blocked=mean(each.blocked for each in same),
            output_tokens=same[0].output_tokens,
            refused=mean(each.refused or 0.0 for each in same),
        )


def _precisions(batches: Sequence[BatchOutcome]) -> Iterable[float]:
    """Of each seed."""
    for seed in sorted({batch.seed for batch in batches}):
        mine = [batch for batch in batches if batch.seed == seed]
        guilty = sum(each.figures.blocked for batch in mine for each in batch.cells)
        innocent = sum(person.blocked for batch in mine for person in batch.people.values())
        value = precision(guilty, innocent)
        if value is not None:
            yield value


def _merged(trials: Iterable[tuple[int, dict[str, Trial]]]) -> dict[str, list[tuple[int, Trial]]]:
    """Name -> what came of it, with the seed. A trial that a batch had no need of went as usual there."""
    runs = list(trials)
    names = dict.fromkeys(name for _, each in runs for name in each)
    return {
        name: [(seed, each.get(name) or each[AS_IT_IS]) for seed, each in runs if name in each or AS_IT_IS in each]
        for name in names
    }


def _points(trials: Mapping[str, list[tuple[int, Trial]]], cells: Mapping[_Place, CellOutcome]) -> dict[str, Point]:
    return {name: _point(name, runs, cells) for name, runs in trials.items()}


def _point(name: str, runs: Sequence[tuple[int, Trial]], cells: Mapping[_Place, CellOutcome]) -> Point:
    found = {(seed, campaign): is_found for seed, trial in runs for campaign, is_found in trial.found.items()}
    by_family: defaultdict[str, list[bool]] = defaultdict(list)
    for place, is_found in found.items():
        by_family[cells[place].figures.family].append(is_found)
    days, acted_on = sum(trial.days for _, trial in runs), sum(trial.acted_on for _, trial in runs)

    def recall(title: str) -> float | None:
        mine = [is_found for place, is_found in found.items() if SLICES[title](cells[place].cell)]
        return mean(mine) if mine else None

    return Point(
        name=name,
        recall=mean(found.values()),
        busy_recall=recall(BUSY),
        mixed_recall=recall(MIXED),
        leaked=median(share for _, trial in runs for share in trial.leaked.values()),
        honest_share=acted_on / days if days else None,
        by_family={family: mean(mine) for family, mine in sorted(by_family.items())},
    )


def _left_out(batches: Sequence[BatchOutcome], cells: Mapping[_Place, CellOutcome]) -> Iterable[LeftOut]:
    """By family; over all seeds that tried."""
    tried: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for batch in batches:
        for each in batch.cells:
            usual = cells[batch.seed, each.figures.id].figures
            tried[usual.family].append((usual.found, each.figures.found))
    for family, found in sorted(tried.items()):
        yield LeftOut(
            family=family,
            campaigns=len(found),
            recall=mean(usual for usual, _ in found),
            unlearned=mean(unlearned for _, unlearned in found),
        )


def _row(seed: int, each: CellOutcome) -> CampaignRow:
    figures, campaign = each.figures, each.cell.campaign
    return CampaignRow(
        seed=seed,
        id=figures.id,
        family=figures.family,
        calls_per_account_day=campaign.calls_per_account_day,
        share=round(each.cell.share, 3),
        accounts=campaign.accounts,
        variant=each.cell.variant,
        found=figures.found,
        acted_on=figures.acted_on,
        blocked=figures.blocked,
        calls=figures.calls,
        output_tokens=figures.output_tokens,
        first_throttle_s=figures.throttle.after_s,
        first_block_s=figures.block.after_s,
        leaked_calls=figures.throttle.calls,
        leaked_share=figures.throttle.calls_share,
        leaked_planned_share=figures.throttle.planned_share,
        leaked_tokens_share=figures.throttle.tokens_share,
    )
