"""The result as Markdown tables, for pages and pull requests."""

from collections.abc import Iterable, Sequence

from stream_detector.quality.report import subtitle
from stream_detector.quality.results import Result
from stream_detector.quality.slices import BUSY, FAINT, HALF, MIXED, QUIET, TITLES
from stream_detector.quality.words import duration, number, over_seeds, percent

_COLUMNS = (BUSY, QUIET, HALF, MIXED, FAINT)
_HONEST_HEADS = ("class", "client-days", "acted on", "share", "95 % interval", "blocked")


def render(result: Result) -> str:
    """All tables."""
    return "\n".join(
        [
            subtitle(result),
            *_part("Promises", ("", "wanted", "measured", "kept"), _targets(result)),
            *_part("Recall", ("family", *(TITLES[title] for title in _COLUMNS), "accounts"), _families(result)),
            *_part(
                "Before the throttle, at ≥ 100 calls per account and day",
                ("family", "time", "calls", "output tokens", "share of plan", "p90"),
                _leaks(result),
            ),
            *_part(
                "Honest clients",
                ("class", "client-days", "acted on", "share", "95 % interval", "blocked"),
                _honest(result),
            ),
            *_part(
                "Other detectors",
                ("", "honest client-days", "recall", TITLES[BUSY], f"{TITLES[MIXED]} mixed in"),
                _rivals(result),
            ),
            *_part("Without one detector", ("detector", "recall lost, points"), _ablation(result)),
            *_part("Families never seen", ("family", "campaigns", "recall", "never seen"), _left_out(result)),
            "",
        ]
    )


def _part(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    ready = [f"| {' | '.join(row)} |" for row in rows]
    if not ready:
        return []
    return ["", f"## {title}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *ready]


def _targets(result: Result) -> Iterable[Sequence[str]]:
    return [(each.name, each.wanted, each.measured, "yes" if each.met else "**no**") for each in result.targets]


def _families(result: Result) -> Iterable[Sequence[str]]:
    return [
        (each.family, *(over_seeds(each.recall[title]) for title in _COLUMNS), percent(each.every.coverage))
        for each in (result.overall, *result.families)
    ]


def _leaks(result: Result) -> Iterable[Sequence[str]]:
    for each in (result.overall, *result.families):
        if each.busy is not None:
            stop = each.busy.throttle
            yield (
                each.family,
                duration(stop.after_s.median),
                number(stop.calls.median),
                number(stop.output_tokens.median),
                percent(stop.planned_share.median, 2),
                percent(stop.planned_share.p90, 2),
            )


def _honest(result: Result) -> Iterable[Sequence[str]]:
    return [
        (
            each.kind,
            number(each.client_days),
            number(each.acted_on),
            percent(each.share, 2),
            f"{percent(each.low, 2)} - {percent(each.high, 2)}",
            number(each.blocked),
        )
        for each in (result.honest, *result.classes)
    ]


def _rivals(result: Result) -> Iterable[Sequence[str]]:
    named = [("stream_detector", result.as_it_is), ("at the 0.1 % budget", result.at_budget)]
    for name, point in [*named, *((each.name, each) for each in result.rivals)]:
        if point is not None:
            yield (
                name,
                percent(point.honest_share, 2),
                percent(point.recall),
                percent(point.busy_recall),
                percent(point.mixed_recall),
            )


def _ablation(result: Result) -> Iterable[Sequence[str]]:
    usual = result.as_it_is
    if usual is None:
        return []
    lost = sorted(result.ablation, key=lambda point: point.recall)
    return [(point.name.removeprefix("without "), f"{(usual.recall - point.recall) * 100:.1f}") for point in lost]


def _left_out(result: Result) -> Iterable[Sequence[str]]:
    return [
        (each.family, number(each.campaigns), percent(each.recall), percent(each.unlearned)) for each in result.left_out
    ]
