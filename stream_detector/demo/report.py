"""The result of a demo run as one HTML file that needs no network. Everything that came from outside is escaped."""

import html
import string
from importlib import resources

from stream_detector.demo import plots
from stream_detector.demo.ledger import Ledger, SeenDecision
from stream_detector.demo.live import reasons_text
from stream_detector.demo.outcome import Outcome
from stream_detector.demo.summary import stop_text
from stream_detector.demo.timeline import clock_text
from stream_detector.domain.decisions import Decision, Limit, Mode, Subject, SubjectKind
from stream_detector.pages.parts import cell, style, table, tile, word

_MOST_DECISIONS = 1000
_MOST_EVIDENCE = 4
_WINDOWS = {1.0: "second", 60.0: "minute", 3_600.0: "hour", 86_400.0: "day"}
_SHAPES = {
    "start": '<circle class="mark start" cx="6" cy="6" r="4"/>',
    "allow": '<circle class="mark allow" cx="6" cy="6" r="4"/>',
    "mark": '<circle class="mark mark" cx="6" cy="6" r="4"/>',
    "throttle": '<path class="mark throttle" d="M6,1L11,11L1,11Z"/>',
    "block": '<rect class="mark block" x="1" y="1" width="10" height="10"/>',
    "answered": '<rect class="passed" width="12" height="12"/>',
    "refused": '<rect class="refused" width="12" height="12"/>',
}
_NOTHING = '<p class="quiet">Nothing to show.</p>'


def render(ledger: Ledger, outcome: Outcome, subtitle: str) -> str:
    """The whole page. `subtitle` says what was run."""
    template = string.Template(resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        style=style(),
        subtitle=html.escape(subtitle),
        tiles=_tiles(outcome),
        calls_plot=plots.calls_plot(ledger) or _NOTHING,
        campaign_key=_key(
            answered="calls answered",
            refused="calls refused",
            start="first call",
            throttle="first throttle",
            block="first block",
        ),
        campaign_plot=plots.campaign_plot(ledger, outcome) or _NOTHING,
        campaign_table=_campaign_table(outcome),
        risk_key=_key(mark="marked", throttle="throttled", block="blocked", allow="released"),
        risk_plot=plots.risk_plot(ledger) or _NOTHING,
        honest=_honest(outcome),
        latency_plot=plots.latency_plot(ledger) or _NOTHING,
        decisions=_decisions(ledger),
    )


def _tiles(outcome: Outcome) -> str:
    caught = sum(campaign.is_caught for campaign in outcome.campaigns)
    hurt = len(outcome.honest_acted_on)
    latency = f"{outcome.latency.p99_ms:,.0f} ms" if outcome.latency else "-"
    return "".join(
        [
            tile(f"{outcome.calls:,}", "calls made", ""),
            tile(f"{outcome.refused:,}", "calls refused", ""),
            tile(f"{outcome.lost:,}", "calls lost", "good" if outcome.lost == 0 else "bad"),
            tile(f"{outcome.dead_lettered:,}", "calls dead-lettered", ""),
            tile(
                f"{caught} of {len(outcome.campaigns)}",
                "campaigns caught",
                "good" if caught == len(outcome.campaigns) else "bad",
            ),
            tile(f"{hurt} of {outcome.honest_clients:,}", "honest clients acted on", "bad" if hurt else "good"),
            tile(latency, "call to decision, p99", ""),
        ]
    )


def _key(**entries: str) -> str:
    items = [
        f'<li><svg viewBox="0 0 12 12" aria-hidden="true">{_SHAPES[shape]}</svg>{html.escape(label)}</li>'
        for shape, label in entries.items()
    ]
    return f'<ul class="key">{"".join(items)}</ul>'


def _campaign_table(outcome: Outcome) -> str:
    rows = [
        [
            cell(campaign.name, "word"),
            word("caught", "caught") if campaign.is_caught else word("missed", "missed"),
            cell(f"{campaign.accounts_acted_on:,} of {campaign.accounts:,}", "number"),
            cell(stop_text(campaign.throttle)),
            cell(stop_text(campaign.block)),
            cell(f"{campaign.leaked:,} of {campaign.calls:,}", "number"),
        ]
        for campaign in outcome.campaigns
    ]
    heads = ["campaign", "", "accounts acted on#", "throttled after", "blocked after", "calls answered#"]
    return table("Campaigns", heads, rows) if rows else ""


def _honest(outcome: Outcome) -> str:
    if not outcome.honest_acted_on:
        return f"<p>None of {outcome.honest_clients:,}.</p>"
    rows = [
        [
            cell(honest.client, "word"),
            cell(honest.label),
            _action(honest.decision),
            cell(clock_text(honest.decision.decided_at), "number"),
            cell(f"{honest.refused:,} of {honest.calls:,}", "number"),
            _reasons(honest.decision),
        ]
        for honest in sorted(outcome.honest_acted_on, key=lambda honest: (-honest.refused, honest.client))
    ]
    return table("Honest clients acted on", ["client", "kind", "decision", "at#", "calls refused#", "reasons"], rows)


def _decisions(ledger: Ledger) -> str:
    seen = sorted(ledger.decisions, key=lambda entry: entry.decision.decided_at)
    if not seen:
        return _NOTHING
    remark = (
        f"The first {_MOST_DECISIONS:,} of {len(seen):,}." if len(seen) > _MOST_DECISIONS else f"{len(seen):,} in all."
    )
    heads = ["at#", "about", "decision", "risk#", "reasons", "latency#"]
    rows = [_decision_row(ledger, entry) for entry in seen[:_MOST_DECISIONS]]
    return f'<p class="quiet">{remark} Event time (UTC).</p>{table("Decisions", heads, rows)}'


def _decision_row(ledger: Ledger, seen: SeenDecision) -> list[str]:
    decision = seen.decision
    return [
        cell(clock_text(decision.decided_at), "number"),
        cell(_subject(decision.subject), "word", _truth(ledger, decision.subject)),
        _action(decision),
        cell(f"{decision.risk:.2f}", "number"),
        _reasons(decision),
        cell(f"{seen.latency_ms:,.0f} ms", "number"),
    ]


def _subject(subject: Subject) -> str:
    return subject.key if subject.kind is SubjectKind.CLIENT else f"{subject.kind.value} {subject.key}"


def _truth(ledger: Ledger, subject: Subject) -> str:
    truth = ledger.truth.get(subject.key) if subject.kind is SubjectKind.CLIENT else None
    return truth.label if truth else ""


def _action(decision: Decision) -> str:
    action = decision.action.value
    limit = _limit(decision.limit) if decision.limit else ""
    return word(action if decision.mode is Mode.ENFORCE else f"{action} (shadow)", f"action {action}", limit)


def _limit(limit: Limit) -> str:
    return f"{limit.requests:,} per {_WINDOWS.get(limit.window_s, f'{limit.window_s:g} s')}"


def _reasons(decision: Decision) -> str:
    strongest = max(decision.reasons, key=lambda reason: reason.weight, default=None)
    evidence = list(strongest.evidence.items())[:_MOST_EVIDENCE] if strongest else []
    return cell(reasons_text(decision), "word", ", ".join(f"{name} {value:.4g}" for name, value in evidence))
