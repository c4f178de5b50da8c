"""network_hops: one sender that never rests, and is somewhere else every few hours."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class NetworkHops(Struct, frozen=True):
    """Networks that the calls stayed at for half an hour or longer, one after the other, by day and by night.

    A loop behind a dozen exits calls from one of them for some hours, then from the next, and comes back to the first on
    another day. Every honest client lacks one of these. A machine that never rests stays where it is. Several work side by
    side, and so do the users of an app: their calls interleave, and no stay lasts. People do move, between home, work and
    the way, or through the exits of a tunnel, but they sleep, and pause for more than an hour. A cloud that gives every job
    another address is one operator, and counts for `per_operator` networks at most. So the number of networks is multiplied
    by the share of the time that was spent in stays, and divided by the number of programs: a team whose members take turns
    has several. Country, provider and kind of the networks count for nothing.

    Misses: exits that change more often than twice an hour (`network_fanout`), exits of one provider, four exits or fewer,
    less than eight calls in half an hour, campaigns that rest at night or hide among an owner's calls. Without AS data, coarse
    blocks of addresses stand in for operators, and jobs that follow each other on machines all over a large cloud look the
    same; so does an owner's loop behind a tunnel that rotates. Hence the ceiling, below what is strong.

    Parameters: `min_calls`; `half`, the networks of a laptop that works day and night at home, at work, on the way and at
    one more place, and `power` of the tail: few clients have one or two more, none has many; `per_operator`;
    `unknown_software`, programs assumed where the calls name none.

    Reference: exits of VPN and hosting companies in the disclosures of 2026.

    >>> from stream_detector.detection.examples import example_context, example_hops
    >>> profile = example_hops()
    >>> reading = NetworkHops().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.9
    True
    """

    name: ClassVar[str] = "network_hops"
    family: ClassVar[Family] = Family.NETWORK
    ceiling: ClassVar[float] = 1.4

    min_calls: int = 20
    half: float = 4.0
    power: float = 4.0
    per_operator: float = 2.0
    unknown_software: float = 2.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window, now_s = profile.network, context.now_s
        if window.seen < self.min_calls:
            return Warming(float(window.seen), float(self.min_calls))
        stays = window.stays
        networks, operators, share = stays.networks.count(now_s), stays.operators.count(now_s), stays.share(now_s)
        programs = max(1.0, window.programs(context.features.user_agents, now_s) or self.unknown_software)
        tail = power_tail(min(networks, self.per_operator * operators) * share / programs, self.half, self.power)
        evidence = {"stayed_networks": networks, "stayed_operators": operators, "stayed_share": share}
        return Scored(1.0 - max(tail, 10.0**-self.ceiling), evidence)
