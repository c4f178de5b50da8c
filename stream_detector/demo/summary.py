"""The result of a demo run in words, for the terminal."""

import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream_detector.demo.live import ACTION_STYLE, reasons_text
from stream_detector.demo.outcome import CampaignOutcome, HonestClient, Outcome, Stop
from stream_detector.demo.timeline import span_text
from stream_detector.domain.decisions import Action, Mode

_MOST_HONEST = 5
_NOTABLY_BEHIND_S = 3.0
_NAME = "stream-detector"
_GO_ON = {
    "demo --seed 2": "other traffic, same campaigns",
    "up": "the same system, waiting for your own calls",
    "--help": "everything else",
}


def print_summary(
    console: Console,
    outcome: Outcome,
    verdicts: dict[tuple[str, ...], float],
    worst_behind_s: float,
    *,
    is_complete: bool,
) -> None:
    """Print the result.

    Args:
        console: where to.
        outcome: the result.
        verdicts: (action, cause) -> the hook's own count of its answers.
        worst_behind_s: wall time by which calls were late at worst.
        is_complete: False when the run was ended early, with events still on their way.
    """
    console.print()
    console.print(Text("Delivery", style="bold"))
    console.print(delivery_text(outcome, is_complete=is_complete))
    console.print(Text("\nCampaigns", style="bold"))
    console.print(campaign_table(outcome.campaigns))
    console.print(Text("\nHonest clients", style="bold"))
    console.print(honest_text(outcome))
    console.print(Text("\nSpeed", style="bold"))
    console.print(speed_text(outcome, verdicts))
    if worst_behind_s >= _NOTABLY_BEHIND_S:
        console.print(behind_text(worst_behind_s))


def print_going_on(console: Console, report: Path) -> None:
    """Print where the report is, and what to do next."""
    name = command_name(sys.argv[0])
    width = max(map(len, _GO_ON)) + len(name) + 3
    console.print(Text(f"\nReport: {report}\n\nHow to go on"), soft_wrap=True)
    for words, effect in _GO_ON.items():
        console.print(Text(f"  {f'{name} {words}':{width}}{effect}"), soft_wrap=True)


def command_name(called: str) -> str:
    """How the reader can call us again: `make demo` calls a script that is not on the path."""
    is_ours = Path(called).name == _NAME
    return called if is_ours and shutil.which(_NAME) is None else _NAME


def delivery_text(outcome: Outcome, *, is_complete: bool) -> Text:
    """Whether every call was accounted for."""
    text = Text(
        f"  {outcome.calls:,} calls made, {outcome.refused:,} of them refused\n  {outcome.sent:,} events sent, "
    )
    text.append(f"{outcome.observed:,} observed, {outcome.dead_lettered:,} dead-lettered, ")
    if is_complete or outcome.lost < 0:
        text.append(f"{outcome.lost:,} lost", style="bold green" if outcome.lost == 0 else "bold red")
    else:
        text.append(f"{outcome.lost:,} on their way when it ended")
    if outcome.unsent:
        text.append(f"\n  {outcome.unsent:,} events were not taken by the broker", style="bold red")
    if outcome.unanswered:
        text.append(f"\n  {outcome.unanswered:,} calls passed because the hook did not answer", style="bold red")
    return text


def campaign_table(campaigns: tuple[CampaignOutcome, ...]) -> Table:
    """One row per campaign."""
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="dim")
    table.add_column("campaign")
    table.add_column("")
    table.add_column("acted on", justify="right", no_wrap=True)
    table.add_column("throttled after")
    table.add_column("blocked after")
    table.add_column("calls answered", justify="right", no_wrap=True)
    for campaign in campaigns:
        table.add_row(
            Text(campaign.name),
            Text("caught", style="bold green") if campaign.is_caught else Text("missed", style="bold red"),
            Text(f"{campaign.accounts_acted_on:,} of {campaign.accounts:,}"),
            Text(stop_text(campaign.throttle)),
            Text(stop_text(campaign.block)),
            Text(f"{campaign.leaked:,} of {campaign.calls:,}"),
        )
    return table


def stop_text(stop: Stop | None) -> str:
    """When a campaign was first acted on."""
    return f"{stop.calls_before:,} calls, {span_text(stop.seconds_before)}" if stop else "never"


def honest_text(outcome: Outcome) -> Text:
    """Who was hurt by mistake."""
    hurt = sorted(outcome.honest_acted_on, key=lambda honest: (-honest.refused, honest.client))
    blocked = sum(honest.decision.action is Action.BLOCK for honest in hurt)
    text = Text(f"  {outcome.honest_clients:,} made calls; ")
    text.append(
        f"{len(hurt) - blocked:,} throttled, {blocked:,} blocked", style="bold yellow" if hurt else "bold green"
    )
    for honest in hurt[:_MOST_HONEST]:
        text.append_text(_honest_line(honest))
    if len(hurt) > _MOST_HONEST:
        text.append(f"\n    and {len(hurt) - _MOST_HONEST:,} more, listed in the report", style="dim")
    return text


def _honest_line(honest: HonestClient) -> Text:
    return Text.assemble(
        f"\n    {honest.client} ",
        (f"({honest.label}) ", "dim"),
        (honest.decision.action.value, ACTION_STYLE[honest.decision.action]),
        f", {honest.refused:,} of {honest.calls:,} calls refused\n      {reasons_text(honest.decision)}",
    )


def speed_text(outcome: Outcome, verdicts: dict[tuple[str, ...], float]) -> Text:
    """How quickly decisions came, how many of which kind, and what the hook answered."""
    text = Text("  call to decision: ")
    if outcome.latency is None:
        text.append("nothing was decided")
    else:
        text.append(f"p50 {outcome.latency.p50_ms:,.0f} ms, p99 {outcome.latency.p99_ms:,.0f} ms", style="bold")
        text.append(f" of wall time, over {outcome.latency.count:,} decisions")
    counts = ", ".join(
        f"{count:,} {action.value}{'' if mode is Mode.ENFORCE else ' (shadow)'}"
        for (action, mode), count in sorted(outcome.decisions.items())
    )
    text.append(f"\n  decisions: {counts or 'none'}")
    answers = ", ".join(f"{count:,.0f} {action} ({cause})" for (action, cause), count in sorted(verdicts.items()))
    text.append(f"\n  the hook's answers: {answers or 'none'}")
    return text


def behind_text(worst_behind_s: float) -> Text:
    """What it means that the machine was too slow."""
    return Text(
        f"  This machine could not keep up: calls were up to {worst_behind_s:.0f} s late. Nothing was left out, but limits\n"
        "  and expiries follow the clock, so they were stricter or shorter than the calls' own times say.",
        style="yellow",
    )
