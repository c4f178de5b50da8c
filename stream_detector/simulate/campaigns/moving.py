"""Families that differ in how they move over time. What they ask is another family's."""

import math
from collections.abc import Iterator, Mapping
from random import Random

import msgspec

from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import DAY_S, HOUR_S, Sessions, Span, sessions
from stream_detector.simulate.campaigns.campaign import Age, Campaign, Family, Network, Template
from stream_detector.simulate.campaigns.copying import (
    bare_questions,
    evolved_instructions,
    hot_distiller,
    reasoning_extraction,
    template_pool,
)
from stream_detector.simulate.campaigns.grading import capability_sweep, rubric_judge
from stream_detector.simulate.campaigns.members import Contents, Member, Pace, Part, Phase, steady
from stream_detector.simulate.outcome import Request
from stream_detector.simulate.population import RELEASED_S

WEEK_S = 7 * DAY_S
RAMP_WEEKS = 13
RAMP_FACTOR = 19.0
"""19 times the calls within 13 weeks, 25 % more every week (the disclosures of 2026)."""

CARRIERS: Mapping[Family, Contents] = {
    Family.HOT_DISTILLER: hot_distiller,
    Family.EVOLVED_INSTRUCTIONS: evolved_instructions,
    Family.BARE_QUESTIONS: bare_questions,
    Family.REASONING_EXTRACTION: reasoning_extraction,
    Family.TEMPLATE_POOL: template_pool,
    Family.RUBRIC_JUDGE: rubric_judge,
    Family.CAPABILITY_SWEEP: capability_sweep,
}
_USUAL = (
    Family.HOT_DISTILLER,
    Family.EVOLVED_INSTRUCTIONS,
    Family.BARE_QUESTIONS,
    Family.REASONING_EXTRACTION,
    Family.TEMPLATE_POOL,
)
_QUIET = (Family.BARE_QUESTIONS, Family.REASONING_EXTRACTION, Family.EVOLVED_INSTRUCTIONS)


def _carried(campaign: Campaign, member: Member, usual: tuple[Family, ...] = _USUAL) -> Part:
    family = campaign.carries or member.shared("carries").choice(usual)
    settings = msgspec.structs.replace(campaign, family=family, template=campaign.template or Template.FIXED)
    return CARRIERS[family](settings, member)


def release_pivot(campaign: Campaign, member: Member) -> Part:
    """Works on one model until a better one is published, and within hours moves to that.

    Source: the disclosures of 2026 (half of a lab's traffic moved to the new model within a day).
    """
    part = _carried(campaign, member)
    requests = part.phases[0].requests
    moved_s = member.whole.start_s + RELEASED_S + member.rng.uniform(1, 10) * HOUR_S
    moved_s = min(max(moved_s, member.span.start_s), member.span.end_s)
    phases = (
        Phase(Span(member.span.start_s, moved_s), _on("large-3", requests)),
        Phase(Span(moved_s, member.span.end_s), _on(prompts.RELEASED, requests)),
    )
    return msgspec.structs.replace(part, phases=phases)


def _on(model: str, requests: Iterator[Request]) -> Iterator[Request]:
    return (msgspec.structs.replace(request, model=model) for request in requests)


def ramp(campaign: Campaign, member: Member) -> Part:
    """Grows by a quarter every week, never suddenly."""
    return msgspec.structs.replace(_carried(campaign, member), rhythm=growing, age=Age.WEEKS)


def growing(rng: Random, span: Span, pace: Pace) -> Iterator[float]:
    """Workers whose pace grows by the same factor every week until it has reached the whole one."""
    rate = math.log(RAMP_FACTOR) / (RAMP_WEEKS * WEEK_S)
    full_s = RAMP_WEEKS * WEEK_S
    work_s = (RAMP_FACTOR - 1) / rate  # what the first 13 weeks hold, at the first pace

    def moment(done_s: float) -> float:
        if done_s < work_s:
            return math.log1p(done_s * rate) / rate
        return full_s + (done_s - work_s) / RAMP_FACTOR

    length_s = span.end_s - span.start_s
    total_s = math.expm1(min(length_s, full_s) * rate) / rate + max(0.0, length_s - full_s) * RAMP_FACTOR
    for time in steady(rng, Span(0.0, total_s), pace):
        ts = span.start_s + moment(time)
        if ts < span.end_s:
            yield ts


def low_and_slow(campaign: Campaign, member: Member) -> Part:
    """Below every limit: a few questions in a row, in the waking hours of where it seems to live, for weeks."""
    network = member.shared("network").choice((Network.RESIDENTIAL, Network.HOME, Network.HOME))
    part = _carried(campaign, member, _QUIET)
    return msgspec.structs.replace(part, rhythm=by_hand, network=network, age=Age.WEEKS)


def by_hand(rng: Random, span: Span, pace: Pace) -> Iterator[float]:
    """Times that look like a diligent person's."""
    turns = rng.uniform(5, 12)
    habit = Sessions(
        per_day=pace.calls_per_day / turns,
        turns=turns,
        think_s=max(pace.answer_s, rng.uniform(40, 150)),
        weekend=rng.uniform(0.6, 1.0),
        utc_offset_h=pace.utc_offset_h,
    )
    return sessions(rng, span, habit)


def takeover(campaign: Campaign, member: Member) -> Part:
    """An honest client's old key, which from some day on carries a campaign from elsewhere.

    Besides the owner's calls when the campaign has a mix, otherwise instead of them.
    """
    part = _carried(campaign, member)
    return msgspec.structs.replace(
        part,
        age=Age.AGED,
        network=member.shared("network").choice((Network.RESIDENTIAL, Network.VPN, Network.SERVERS)),
        payment=None,
        owner_calls_per_day=min(1500.0, max(6.0, member.rng.lognormvariate(4.1, 1.2))),
    )
