"""What the demo simulates: honest clients all the time, and campaigns that join one after the other."""

from collections.abc import Iterator
from typing import Self

import msgspec
from msgspec import Struct

from stream_detector.demo.ledger import Truth
from stream_detector.domain.calls import ApiCall
from stream_detector.simulate import outcome
from stream_detector.simulate.campaigns import PUBLISHED, Family
from stream_detector.simulate.scenario import Scenario, labels, traffic

SPEED = 360.0
"""Seconds of event time per second of wall time: 6 hours in a minute."""
_START_S = 1_767_603_600.0
"""Monday, 5 January 2026, 09:00 UTC: people are at work."""
_HONEST_CLIENTS = 200
_HONEST_SCALE = 0.5
"""With the campaigns a few hundred calls a second of wall time, and bursts that a laptop catches up with."""
_FIRST_CAMPAIGN = 0.1
_LAST_CAMPAIGN = 0.4
"""Campaigns start in between, as shares of the whole time: late enough that there is a normal to compare with."""
_POOL_CALLS_PER_ACCOUNT_DAY = 300
"""Twice the simulator's own rate: still quiet accounts, but in six hours each has something to say."""
_CAMPAIGNS = tuple(
    msgspec.structs.replace(campaign, calls_per_account_day=_POOL_CALLS_PER_ACCOUNT_DAY)
    if campaign.family is Family.TEMPLATE_POOL
    else campaign
    for campaign in reversed(PUBLISHED)
)
"""In the order in which they start: the quietest first."""


class Traffic(Struct, frozen=True):
    """One run's calls and the truth about their clients."""

    scenario: Scenario
    truth: dict[str, Truth]

    @classmethod
    def of(cls, seconds: float, seed: int) -> Self:
        """The demo's traffic for so many seconds of wall time."""
        duration_s = seconds * SPEED
        step = (_LAST_CAMPAIGN - _FIRST_CAMPAIGN) / max(1, len(_CAMPAIGNS) - 1)
        campaigns = tuple(
            msgspec.structs.replace(campaign, start_after_s=(_FIRST_CAMPAIGN + number * step) * duration_s)
            for number, campaign in enumerate(_CAMPAIGNS)
        )
        scenario = Scenario(
            seed=seed,
            start_s=_START_S,
            duration_s=duration_s,
            clients=_HONEST_CLIENTS,
            campaigns=campaigns,
            scale=_HONEST_SCALE,
        )
        truth = {
            client: Truth(label.campaign or label.kind, is_attacker=label.campaign is not None)
            for client, label in labels(scenario).items()
        }
        return cls(scenario, truth)

    @property
    def start_s(self) -> float:
        """Event time of the earliest possible call."""
        return self.scenario.start_s

    @property
    def span_s(self) -> float:
        """Event time from start to end."""
        return self.scenario.duration_s

    def calls(self) -> Iterator[ApiCall]:
        """All calls in time order; made as they are asked for."""
        return traffic(self.scenario)

    def refuse(self, call: ApiCall, status: int) -> ApiCall:
        """The event of a call that the gateway refused with `status`."""
        return outcome.refused(call, status)
