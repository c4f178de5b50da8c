"""network_fanout: one key, called from very many networks."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class NetworkFanout(Struct, frozen=True):
    """Distinct /24 and /48 networks in one to two days, and how many of the calls come from a new one.

    A company or a team has a few egress networks and many calls from each; a pool of rotating proxies has nearly as many
    networks as calls.

    Misses: proxies in one network, sticky sessions over days. A key embedded in a mobile app looks the same, which is a
    leak of another kind: the ceiling asks for a second family.

    Parameters: `half`, networks that half of all keys used by several people exceed; `min_calls`.

    Reference: a government advisory of 2026 on model extraction ("many addresses and user agents per account").

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=200, gap_s=60.0, new_network=True)
    >>> reading = NetworkFanout().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "network_fanout"
    family: ClassVar[Family] = Family.NETWORK
    ceiling: ClassVar[float] = 2.5

    min_calls: int = 20
    half: float = 12.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.network
        if window.seen < self.min_calls:
            return Warming(float(window.seen), float(self.min_calls))
        features = context.features
        rotation = min(1.0, features.networks / max(1, features.day_calls)) * features.switch_share
        tail = power_tail(features.networks, self.half, 1.5) * (1.0 - 0.9 * rotation)
        evidence = {
            "networks": features.networks,
            "addresses": features.addresses,
            "user_agents": features.user_agents,
            "countries": features.countries,
            "network_switch_share": features.switch_share,
        }
        return Scored(1.0 - tail, evidence)
