"""The result as one HTML file that needs no network."""

import html
import string
from importlib import resources

from stream_detector.pages.parts import cell, style, table, tile, word
from stream_detector.quality import plots
from stream_detector.quality.figures import FamilyFigures, HonestFigures
from stream_detector.quality.results import CampaignRow, FamilyResult, Point, Result
from stream_detector.quality.slices import BUSY, FAINT, HALF, MIXED, QUIET, TITLES
from stream_detector.quality.targets import BUDGET, CLASS_BUDGET
from stream_detector.quality.words import duration, number, over_seeds, percent

_NOTHING = '<p class="quiet">Nothing to show.</p>'
_COLUMNS = (BUSY, QUIET, HALF, MIXED, FAINT)
_MOST_MISSED = 400


def render(result: Result) -> str:
    """The whole page."""
    template = string.Template(resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        style=style(),
        subtitle=html.escape(subtitle(result)),
        tiles=_tiles(result),
        targets=_targets(result),
        recall_plot=plots.recall_plot(result) or _NOTHING,
        family_table=_families(result),
        leak_plot=plots.leak_plot(result) or _NOTHING,
        leak_table=_leaks(result),
        honest_plot=plots.honest_plot(result) or _NOTHING,
        honest_table=_honest(result),
        trade_plot=plots.trade_plot(result),
        rival_table=_rivals(result),
        ablation_plot=plots.ablation_plot(result) or _NOTHING,
        left_out=_left_out(result),
        rate_plot=plots.curve_plot(result, "Recall by rate", rate_of) or _NOTHING,
        share_plot=plots.curve_plot(result, "Recall by share", share_of) or _NOTHING,
        accounts_plot=plots.curve_plot(result, "Recall by accounts", accounts_of) or _NOTHING,
        missed=_missed(result),
    )


def subtitle(result: Result) -> str:
    """What was run."""
    return (
        f"{len(result.campaigns):,} campaigns and {number(result.honest.client_days)} honest client-days over "
        f"{len(result.seeds)} seeds, {result.calls:,} calls in {result.seconds / 60:.0f} minutes. Inputs: {result.inputs}."
    )


def rate_of(row: CampaignRow) -> float | None:
    """Place on the axis of rates: single accounts without a mix."""
    return row.calls_per_account_day if row.share == 1 and not row.variant else None


def share_of(row: CampaignRow) -> float | None:
    """Place on the axis of mixes, in percent."""
    return row.share * 100 if not row.variant else None


def accounts_of(row: CampaignRow) -> float | None:
    """Place on the axis of accounts."""
    return row.accounts if row.share == 1 and not row.variant else None


def _tiles(result: Result) -> str:
    busy, mixed = result.overall.recall[BUSY], result.overall.recall[MIXED]
    kept = sum(target.met for target in result.targets)
    share = result.honest.share or 0.0
    return "".join(
        [
            tile(f"{kept} of {len(result.targets)}", "promises kept", "good" if kept == len(result.targets) else "bad"),
            tile(percent(busy.mean), "of busy campaigns found"),
            tile(percent(mixed.mean), "of mixed campaigns found"),
            tile(percent(share, 2), "of honest client-days acted on", "good" if share <= BUDGET else "bad"),
            tile(percent(result.block_precision.mean, 2), "of blocked clients belong to campaigns"),
        ]
    )


def _targets(result: Result) -> str:
    rows = [
        [
            word("kept", "caught") if target.met else word("missed", "missed"),
            cell(target.measured, "number"),
            cell(target.wanted, "number"),
            cell(target.name, "word"),
        ]
        for target in result.targets
    ]
    return table("What was promised", ["", "measured#", "wanted#", ""], rows)


def _families(result: Result) -> str:
    rows = [
        [
            cell(each.family, "name"),
            *(cell(over_seeds(each.recall[title]), "number") for title in _COLUMNS),
            cell(percent(each.every.coverage), "number"),
            cell(f"{each.every.found:,} of {each.every.campaigns:,}", "number"),
        ]
        for each in (result.overall, *result.families)
    ]
    heads = ["family", *(f"{TITLES[title]}#" for title in _COLUMNS), "accounts#", "of all#"]
    return table("Recall by family", heads, rows)


def _leaks(result: Result) -> str:
    rows = [_leak_row(each, each.busy) for each in (result.overall, *result.families) if each.busy is not None]
    heads = [
        "family", "time to throttle#", "calls#", "output tokens#", "share of recording#", "share of plan#",
        "time to block#", "calls before block#",
    ]  # fmt: skip
    return table("What campaigns got before they were stopped: median (90th percentile)", heads, rows)


def _leak_row(family: FamilyResult, busy: FamilyFigures) -> list[str]:
    throttle, block = busy.throttle, busy.block
    pairs = [
        (duration(throttle.after_s.median), duration(throttle.after_s.p90)),
        (number(throttle.calls.median), number(throttle.calls.p90)),
        (number(throttle.output_tokens.median), number(throttle.output_tokens.p90)),
        (percent(throttle.calls_share.median), percent(throttle.calls_share.p90)),
        (percent(throttle.planned_share.median, 2), percent(throttle.planned_share.p90, 2)),
        (duration(block.after_s.median), duration(block.after_s.p90)),
        (number(block.calls.median), number(block.calls.p90)),
    ]
    return [cell(family.family, "name"), *(cell(median, "number", p90) for median, p90 in pairs)]


def _honest(result: Result) -> str:
    worst_first = sorted(result.classes, key=lambda each: -(each.share or 0.0))
    rows = [_honest_row(each) for each in (result.honest, *worst_first)]
    heads = [
        "class",
        "clients#",
        "client-days#",
        "acted on#",
        "share#",
        "95 % interval#",
        "blocked days#",
        "tokens refused#",
    ]
    return table("Honest clients by class", heads, rows)


def _honest_row(each: HonestFigures) -> list[str]:
    over = (each.share or 0.0) > CLASS_BUDGET
    share = percent(each.share, 2)
    refused = (each.refused_output_tokens or 0.0) / each.output_tokens if each.output_tokens else 0.0
    return [
        cell(each.kind, "name"),
        cell(number(each.clients), "number"),
        cell(number(each.client_days), "number"),
        cell(number(each.acted_on), "number"),
        cell(share, "number over" if over else "number"),
        cell(f"{percent(each.low, 2)} - {percent(each.high, 2)}", "number"),
        cell(number(each.blocked), "number"),
        cell(percent(refused, 2), "number"),
    ]


def _rivals(result: Result) -> str:
    ours = [("stream_detector", result.as_it_is), (f"at the {percent(BUDGET)} budget", result.at_budget)]
    points = [*((name, point) for name, point in ours if point), *((point.name, point) for point in result.rivals)]
    rows = [_point_row(name, point) for name, point in points]
    heads = [
        "detector",
        "honest client-days#",
        "recall#",
        f"{TITLES[BUSY]}#",
        f"{TITLES[MIXED]} mixed in#",
        "leaked, median#",
    ]
    return table("Detectors compared", heads, rows) if rows else ""


def _point_row(name: str, point: Point) -> list[str]:
    return [
        cell(name, "name"),
        cell(percent(point.honest_share, 2), "number"),
        *(
            cell(percent(value), "number")
            for value in (point.recall, point.busy_recall, point.mixed_recall, point.leaked)
        ),
    ]


def _left_out(result: Result) -> str:
    rows = [
        [
            cell(each.family, "name"),
            cell(number(each.campaigns), "number"),
            cell(percent(each.recall), "number"),
            cell(percent(each.unlearned), "number"),
        ]
        for each in result.left_out
    ]
    heads = ["family", "campaigns#", "recall#", "never seen#"]
    return table("Recall of families that nothing was learned from", heads, rows) if rows else _NOTHING


def _missed(result: Result) -> str:
    missed = [row for row in result.campaigns if not row.found]
    rows = [
        [cell(row.id, "word"), cell(str(row.seed), "number"), cell(number(row.calls), "number")]
        for row in sorted(missed, key=lambda row: (row.id, row.seed))[:_MOST_MISSED]
    ]
    remark = f'<p class="quiet">{len(missed):,} of {len(result.campaigns):,}.</p>'
    return remark + (table("Campaigns that were missed", ["campaign", "seed#", "calls#"], rows) if rows else "")
