"""The accounts of a campaign as clients: papers, honest owners, pacing, network and software around what the family asks."""

from collections.abc import Iterator
from random import Random

import msgspec

from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import DAY_S, HOUR_S, Span
from stream_detector.simulate.benign import Sources
from stream_detector.simulate.campaigns.campaign import Age, Campaign, Cover, Network
from stream_detector.simulate.campaigns.families import FAMILIES
from stream_detector.simulate.campaigns.harnesses import agent_of, through
from stream_detector.simulate.campaigns.material import Material
from stream_detector.simulate.campaigns.members import Member, Pace, Part
from stream_detector.simulate.campaigns.networks import origins
from stream_detector.simulate.campaigns.owners import owner
from stream_detector.simulate.client import Client, Label, Stream
from stream_detector.simulate.network import country
from stream_detector.simulate.outcome import Identity, Request
from stream_detector.simulate.population import identity

AGES_S = {
    Age.FRESH: (HOUR_S, 3 * DAY_S),
    Age.WEEKS: (14 * DAY_S, 56 * DAY_S),
    Age.AGED: (100 * DAY_S, 600 * DAY_S),
}


def campaign_clients(
    seed: int, campaign: Campaign, span: Span, sources: Sources | None = None, material: Material | None = None
) -> Iterator[Client]:
    """The accounts of a campaign.

    Args:
        seed: equal seeds give equal accounts.
        campaign: its settings.
        span: event time of the scenario.
        sources: where the people among honest owners take their questions from; default made-up ones.
        material: recorded headers and questions of campaigns (`recorded.read`); default made-up ones.
    """
    own_span = Span(min(span.start_s + campaign.start_after_s, span.end_s), span.end_s)
    asked: set[int] = set()
    for index in range(campaign.accounts):
        name = f"{seed}/{campaign.id}/{index}"
        rng = Random(name)
        member = Member(
            index=index,
            rng=rng,
            secret=f"{seed}/{campaign.id}",
            asked=asked,
            place=country(rng),
            whole=span,
            span=own_span,
            material=material or Material(),
        )
        yield _client(name, campaign, member, sources or Sources())


def _client(name: str, campaign: Campaign, member: Member, sources: Sources) -> Client:
    part = FAMILIES[campaign.family](campaign, member)
    streams = _campaign_streams(campaign, member, part)
    papers = _papers(name, campaign, member, part)
    return Client(
        identity=papers,
        label=Label(campaign.id, campaign.family.value),
        streams=(*streams, *_owner_streams(campaign, member, part, papers.created_ts, sources)),
        failures=part.failures,
        rng=member.rng,
    )


def _is_owned(campaign: Campaign, part: Part) -> bool:
    return part.owner_calls_per_day > 0 or (campaign.mix > 0 and campaign.cover is Cover.OWNER)


def _campaign_streams(campaign: Campaign, member: Member, part: Part) -> tuple[Stream, ...]:
    rng = member.rng
    decoys, share = (campaign.mix, 1.0) if campaign.cover is Cover.DECOYS else (0.0, 1 - campaign.mix)
    agent = agent_of(campaign.harness, member.shared("software"), part.agent)
    elsewhere = campaign.network is Network.HOME and _is_owned(campaign, part)
    place = country(rng) if elsewhere else member.place
    senders = origins(rng, campaign.network or part.network, place, agent)
    if share == 0:
        return ()
    pace = Pace(
        calls_per_day=campaign.calls_per_account_day * share,
        answer_s=part.answer_s,
        jitter=campaign.jitter,
        utc_offset_h=place.utc_offset_h,
    )
    streams = []
    for phase in part.phases:
        sent = _among_decoys(member, phase.requests, decoys)
        requests = through(campaign.harness, rng, member.shared("software"), sent)
        streams.append(Stream(part.rhythm(rng, phase.span, pace), requests, senders))
    return tuple(streams)


def _papers(name: str, campaign: Campaign, member: Member, part: Part) -> Identity:
    age = campaign.age or part.age or (Age.AGED if _is_owned(campaign, part) else None)
    low_s, high_s = AGES_S[age] if age else (0.0, part.opened_before_s)
    created_ts = max(0.0, member.span.start_s - low_s - (high_s - low_s) * member.rng.random())
    papers = identity(member.rng, name, "pro", member.place, created_ts)
    return papers if part.payment is None else msgspec.structs.replace(papers, payment=part.payment)


def _owner_streams(
    campaign: Campaign, member: Member, part: Part, opened_s: float, sources: Sources
) -> tuple[Stream, ...]:
    """One owner: before the campaign, if the family says so, and during it, if the mix does."""
    during = campaign.calls_per_account_day * campaign.mix if campaign.cover is Cover.OWNER else 0.0
    whole = member.whole
    opened_s = min(max(opened_s, whole.start_s), whole.end_s)
    end_s = whole.end_s if during else member.span.start_s
    rate = during or part.owner_calls_per_day
    if rate == 0 or opened_s >= end_s:
        return ()
    return owner(member.shared(f"owner {member.index}"), Span(opened_s, end_s), member.place, rate, sources)


def _among_decoys(member: Member, own: Iterator[Request], share: float) -> Iterator[Request]:
    rng = member.rng
    honest = prompts.chat(rng, prompts.style(rng, answer_tokens=180.0), member.place.language)
    while True:
        yield next(honest if rng.random() < share else own)
