"""From decisions and labels to figures of campaigns. Pure: the same input gives the same figures."""

import math
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from stream_detector.domain.decisions import Action, Decision
from stream_detector.quality import honest
from stream_detector.quality.figures import CampaignFigures, FamilyFigures, Figures, Spread, Stop, StopSpread
from stream_detector.quality.labels import Label
from stream_detector.quality.standing import InForce, first_start, in_force, since
from stream_detector.quality.traffic import Sent

ALL = "all"
_STOPS = ("after_s", "calls", "output_tokens", "calls_share", "tokens_share", "planned_share")


class Account(Struct, frozen=True, kw_only=True):
    """All that is known of one client."""

    client: str
    label: Label
    periods: tuple[InForce, ...]
    sent: Sent | None
    """None where the traffic is not at hand."""

    @property
    def calls(self) -> int | None:
        """In the recording."""
        return self.label.calls if self.sent is None else len(self.sent.times)

    @property
    def output_tokens(self) -> int | None:
        """In the recording."""
        if self.sent is None:
            return self.label.output_tokens
        return self.sent.total_tokens[-1] if self.sent.times else 0


class Judged(Struct, frozen=True):
    """Every campaign, and every honest client by its id."""

    campaigns: tuple[CampaignFigures, ...]
    people: dict[str, honest.Tenure]


def score(
    labels: Mapping[str, Label], decisions: Iterable[Decision], traffic: Mapping[str, Sent] | None = None
) -> Figures:
    """Judge decisions by the truth.

    Args:
        labels: who is who; clients without a label are left out.
        decisions: in the order in which they were made.
        traffic: what every client sent; without it, counts are taken from the labels, where they have them.
    """
    return figures(judge(labels, in_force(decisions), traffic))


def judge(
    labels: Mapping[str, Label], periods: Mapping[str, tuple[InForce, ...]], traffic: Mapping[str, Sent] | None
) -> Judged:
    """What was in force, campaign by campaign and client by client; those that sent nothing are left out."""
    members: dict[str, list[Account]] = {}
    people: dict[str, honest.Tenure] = {}
    for account in _accounts(labels, periods, traffic):
        campaign = account.label.campaign
        if account.calls == 0:
            continue
        if campaign is not None:
            members.setdefault(campaign, []).append(account)
        else:
            people[account.client] = honest.tenure(account.label, account.periods, account.sent)
    return Judged(tuple(score_campaign(name, group) for name, group in sorted(members.items())), people)


def figures(judged: Judged) -> Figures:
    """All of it together."""
    campaigns, people = judged.campaigns, list(judged.people.values())
    overall = honest.summarise(ALL, people)
    return Figures(
        overall=summarise(ALL, campaigns) if campaigns else None,
        honest=overall,
        block_precision=precision(sum(campaign.blocked for campaign in campaigns), overall.blocked_clients),
        families=by_family(campaigns),
        classes=honest.by_class(people),
        campaigns=campaigns,
    )


def precision(guilty: float, innocent: float) -> float | None:
    """Share of the blocked that belong to campaigns."""
    return guilty / (guilty + innocent) if guilty + innocent else None


def by_family(campaigns: Sequence[CampaignFigures]) -> tuple[FamilyFigures, ...]:
    """One summary per family, by name."""
    families = sorted({campaign.family for campaign in campaigns})
    return tuple(summarise(name, [each for each in campaigns if each.family == name]) for name in families)


def summarise(name: str, campaigns: Sequence[CampaignFigures]) -> FamilyFigures:
    """At least one campaign."""
    accounts = sum(campaign.accounts for campaign in campaigns)
    found = sum(campaign.found for campaign in campaigns)
    return FamilyFigures(
        family=name,
        campaigns=len(campaigns),
        found=found,
        recall=found / len(campaigns),
        accounts=accounts,
        coverage=sum(campaign.acted_on for campaign in campaigns) / accounts,
        blocked=sum(campaign.blocked for campaign in campaigns),
        throttle=_spreads([campaign.throttle for campaign in campaigns]),
        block=_spreads([campaign.block for campaign in campaigns]),
    )


def spread(values: Iterable[float | None]) -> Spread:
    """Median and 90th percentile by nearest rank; None counts as infinite, and infinite is given as None."""
    ordered = sorted(math.inf if value is None else value for value in values)

    def rank(share: float) -> float | None:
        value = ordered[math.ceil(share * len(ordered)) - 1]
        return None if math.isinf(value) else value

    return Spread(rank(0.5), rank(0.9)) if ordered else Spread(None, None)


def score_campaign(name: str, members: Sequence[Account]) -> CampaignFigures:
    """At least one member."""
    acted_on = sum(not math.isinf(_stopped_at(member, Action.THROTTLE, Action.BLOCK)) for member in members)
    planned = [member.label.planned_calls for member in members]
    return CampaignFigures(
        id=name,
        family=members[0].label.kind,
        accounts=len(members),
        calls=_total(member.calls for member in members),
        output_tokens=_total(member.output_tokens for member in members),
        planned_calls=_total(planned),
        found=acted_on > 0,
        acted_on=acted_on,
        blocked=sum(not math.isinf(_stopped_at(member, Action.BLOCK)) for member in members),
        throttle=_stop(members, Action.THROTTLE, Action.BLOCK),
        block=_stop(members, Action.BLOCK),
    )


def _accounts(
    labels: Mapping[str, Label], periods: Mapping[str, tuple[InForce, ...]], traffic: Mapping[str, Sent] | None
) -> Iterable[Account]:
    silent = Sent.of(())
    for client, label in labels.items():
        sent = None if traffic is None else traffic.get(client, silent)
        mine = periods.get(client, ())
        if label.starts_at is not None:
            mine = since(mine, label.starts_at)
            sent = None if sent is None else sent.since(label.starts_at)
        yield Account(client=client, label=label, periods=mine, sent=sent)


def _stopped_at(member: Account, *actions: Action) -> float:
    return first_start(member.periods, *actions)


def _stop(members: Sequence[Account], *actions: Action) -> Stop:
    sents = [member.sent for member in members if member.sent is not None]
    if len(sents) < len(members):
        return Stop(
            after_s=None, calls=None, output_tokens=None, calls_share=None, tokens_share=None, planned_share=None
        )
    stops = [_stopped_at(member, *actions) for member in members]
    leaks = [sent.until(at) for sent, at in zip(sents, stops, strict=True)]
    calls, tokens = sum(leak[0] for leak in leaks), sum(leak[1] for leak in leaks)
    planned = _total(member.label.planned_calls for member in members)
    first, began = min(stops), min(sent.times[0] for sent in sents)
    return Stop(
        after_s=None if math.isinf(first) else max(0.0, first - began),
        calls=calls,
        output_tokens=tokens,
        calls_share=_share(calls, _total(member.calls for member in members)),
        tokens_share=_share(tokens, _total(member.output_tokens for member in members)),
        planned_share=_share(calls, planned),
    )


def _spreads(stops: Sequence[Stop]) -> StopSpread:
    return StopSpread(**{name: spread(getattr(stop, name) for stop in stops) for name in _STOPS})


def _total(values: Iterable[int | None]) -> int | None:
    """The sum, if all of them are known."""
    known = list(values)
    numbers = [value for value in known if value is not None]
    return sum(numbers) if len(numbers) == len(known) else None


def _share(part: int, whole: int | None) -> float | None:
    return part / whole if whole else None
