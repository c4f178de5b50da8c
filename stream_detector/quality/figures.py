"""The figures of a scored recording, as they are printed. None: not known, or never."""

from msgspec import Struct


class Stop(Struct, frozen=True, kw_only=True):
    """What a campaign got before it was stopped in one way.

    Sums over its accounts, each of which goes on until it is itself stopped; those that never are go on to the end.
    """

    after_s: float | None
    """Event time from the campaign's first call to the first time that one of its accounts was stopped."""
    calls: int | None
    output_tokens: int | None
    calls_share: float | None
    """Of the calls that the campaign sends in the recording."""
    tokens_share: float | None
    planned_share: float | None
    """Calls as a share of those that it planned."""


class CampaignFigures(Struct, frozen=True, kw_only=True):
    """One campaign."""

    id: str
    family: str
    accounts: int
    """That sent something, where that is known."""
    calls: int | None
    output_tokens: int | None
    planned_calls: int | None
    found: bool
    """At least one account was throttled or blocked, enforced."""
    acted_on: int
    """Accounts."""
    blocked: int
    """Accounts."""
    throttle: Stop
    """Throttled or blocked."""
    block: Stop


class Spread(Struct, frozen=True):
    """Over campaigns, by nearest rank; one that was never stopped counts as infinite. None: not known, or never."""

    median: float | None
    p90: float | None


class StopSpread(Struct, frozen=True, kw_only=True):
    """What campaigns got before they were stopped in one way."""

    after_s: Spread
    calls: Spread
    output_tokens: Spread
    calls_share: Spread
    tokens_share: Spread
    planned_share: Spread


class FamilyFigures(Struct, frozen=True, kw_only=True):
    """Campaigns of one family, or all of them."""

    family: str
    campaigns: int
    found: int
    recall: float
    accounts: int
    coverage: float
    """Accounts acted on / accounts."""
    blocked: int
    """Accounts."""
    throttle: StopSpread
    block: StopSpread


class HonestFigures(Struct, frozen=True, kw_only=True):
    """Honest clients of one class, or all of them. A client-day is a UTC day on which the client calls."""

    kind: str
    clients: int
    client_days: float | None
    acted_on: float | None
    """Client-days on which a throttle or block was in force."""
    share: float | None
    low: float | None
    """95 % interval of the share: bootstrap over clients, rule of three where it is 0."""
    high: float | None
    blocked: float | None
    """Client-days on which a block was in force."""
    blocked_clients: float
    output_tokens: float | None
    refused_output_tokens: float | None
    """That blocks and rate limits would have kept from them."""


class Figures(Struct, frozen=True, kw_only=True):
    """A scored recording."""

    overall: FamilyFigures | None
    """All campaigns; None where there is none."""
    honest: HonestFigures
    block_precision: float | None
    """Share of the blocked clients that belong to campaigns; None where nobody was blocked."""
    families: tuple[FamilyFigures, ...]
    classes: tuple[HonestFigures, ...]
    campaigns: tuple[CampaignFigures, ...]
