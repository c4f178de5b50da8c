"""Features: what the windows of a profile amount to, worked out once per evaluation and read by every detector."""

import math

from msgspec import Struct, field

from stream_detector.detection.profile import Profile


class Features(Struct, frozen=True, gc=False):
    """Numbers of one client at one moment. "Recent" is the last one to two days, "day" the last 24 clock hours."""

    calls: int
    """Of a lifetime."""
    day_calls: int
    token_rate: float
    """Output tokens an hour, over the last 24 clock hours or since the client was first seen."""
    tokens_per_call: float
    """Mean output tokens of the last 24 clock hours."""
    busiest_bucket: int
    """Calls in the busiest five minutes that the baseline has not learned."""
    gap_variation: float
    """Coefficient of variation of the gaps between calls."""
    gap_entropy: float
    """0 to 1."""
    template: int
    """The commonest prompt head; 0 before the first prompt."""
    template_share: float
    near_duplicate_share: float
    recent_prompts: int
    distinct_prompts: float
    distinct_heads: float
    shingle_growth: float
    """Heaps exponent, 0 to 1."""
    networks: float
    addresses: float
    user_agents: float
    countries: float
    """Of the addresses; for people to read, not for decisions."""
    switch_share: float
    """Share of calls from another network than the call before."""
    biased_tokens: float
    """Of calls that ask for logits (`windows.parameters`)."""
    one_token_share: float
    lifetime_prompts: float
    output_tokens_90d: float
    """Forgotten over 90 days."""

    vector: dict[str, float] = field(default_factory=dict)
    """Shapes without sizes, so that being big is not odd twice.

    Each is between 0 and 1, always under the same names: half-space trees fix both at first sight.
    """


def _vector(features: Features) -> dict[str, float]:
    recent = max(1, features.recent_prompts)
    return {
        "tokens_per_call": _log_ratio(features.tokens_per_call, 1e5),
        "gap_variation": features.gap_variation / (1.0 + features.gap_variation),
        "gap_entropy": features.gap_entropy,
        "template": features.template_share,
        "near_duplicates": features.near_duplicate_share,
        "fresh_heads": min(1.0, features.distinct_heads / recent),
        "fresh_prompts": min(1.0, features.distinct_prompts / recent),
        "shingle_growth": features.shingle_growth,
        "networks": _log_ratio(features.networks, 1e4),
        "switching": features.switch_share,
        "biased_tokens": _log_ratio(features.biased_tokens, 1e5),
        "one_token": features.one_token_share,
    }


def _log_ratio(value: float, top: float) -> float:
    """log(1 + value) / log(1 + top), at most 1."""
    return min(1.0, math.log1p(value) / math.log1p(top))


def _observed_hours(profile: Profile) -> float:
    """Hours that the ring of hours covers: 1 to 24."""
    return min(24.0, max(1.0, (profile.last_ts - profile.first_ts) / 3600))


def extract(profile: Profile) -> Features:
    """Read every window once; changes nothing."""
    features = _measured(profile)
    features.vector.update(_vector(features))
    return features


def _measured(profile: Profile) -> Features:
    rate, gaps, templates, novelty = profile.rate, profile.gaps, profile.templates, profile.novelty
    network, parameters, now_s = profile.network, profile.parameters, profile.last_ts
    template, share = templates.top()
    recent = novelty.recent()
    prompts = min(float(recent), novelty.prompts.count(now_s))
    return Features(
        calls=profile.calls,
        day_calls=rate.day_calls(),
        token_rate=rate.day_tokens() / _observed_hours(profile),
        tokens_per_call=rate.day_tokens() / max(1, rate.day_calls()),
        busiest_bucket=rate.busiest_bucket(),
        gap_variation=gaps.variation(),
        gap_entropy=gaps.entropy(),
        template=template,
        template_share=share,
        near_duplicate_share=templates.near_share(),
        recent_prompts=recent,
        distinct_prompts=prompts,
        distinct_heads=min(prompts, novelty.heads.count(now_s)),
        shingle_growth=novelty.growth(),
        networks=network.networks.count(now_s),
        addresses=network.addresses.count(now_s),
        user_agents=network.agents.count(now_s),
        countries=network.countries.count(now_s),
        switch_share=network.switching(),
        biased_tokens=parameters.tokens.count(now_s) if parameters.biased else 0.0,
        one_token_share=parameters.one_token / max(1, parameters.seen),
        lifetime_prompts=profile.budget.prompts.count(),
        output_tokens_90d=profile.budget.output_tokens,
    )
