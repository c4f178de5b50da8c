"""network_fanout: one key that wanders through the world, never to return."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class NetworkFanout(Struct, frozen=True):
    """Distinct operators (providers, autonomous systems), as far as they are left for good, spread out, and used alike.

    Rented exits come from everywhere and are left for good, and the software behind them is always the same. Every honest
    client with many networks lacks one of these: a team and its homes are returned to, and it has many programs; a cloud or
    a tunnel has many addresses and one operator; the thousands of users of an app share a few carriers. So the number of
    operators is multiplied by how many they are for so many networks, by the square of the share of moves that lead to a new
    network, and by the share of calls that do not come from the commonest one; and divided by the number of programs. Coarse
    blocks of addresses are counted in the same way, and the smaller number holds: there are countries with a thousand
    carriers, but they have few blocks. Without AS data the blocks are all there is: then the evidence ends at `blind_ceiling`.
    Countries and kinds (hosting, VPN) are shown and count for nothing: where somebody is, and that he hides it, is no sign.

    Misses: exits in one network or of one provider, a small pool that is used again and again, a campaign that forges
    another TLS stack for every exit, and one that hides in the calls of a server. An app with users in all the world, each
    with one question, looks the same: hence the ceiling, which asks for a second family.

    Parameters: `min_calls`; `half`, wandering that half of all honest clients exceed (far more than any in simulation, save
    such apps), and `power` of its tail; `operators` and `blocks`, how many different ones are to be had; `unknown_software`,
    programs assumed where the calls name none; `blind_ceiling`.

    Reference: a government advisory of 2026 on model extraction ("many addresses and user agents per account"); Mi et al.,
    "Resident Evil" (IEEE S&P 2019), on rented home connections.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=200, gap_s=60.0, new_network=True)
    >>> reading = NetworkFanout().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.95
    True
    """

    name: ClassVar[str] = "network_fanout"
    family: ClassVar[Family] = Family.NETWORK
    ceiling: ClassVar[float] = 2.5

    min_calls: int = 20
    half: float = 4.0
    power: float = 2.0
    operators: float = 300.0
    blocks: float = 60.0
    unknown_software: float = 2.0
    blind_ceiling: float = 1.9

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window, features, now_s = profile.network, context.features, context.now_s
        if window.seen < self.min_calls:
            return Warming(float(window.seen), float(self.min_calls))
        networks = features.networks
        operators = min(networks, window.operators.count(now_s))
        fresh = min(1.0, networks / max(1, window.moved(now_s)))
        known = window.share(window.named)
        spread = min(
            _spread(operators, networks, self.blocks + known * (self.operators - self.blocks)),
            _spread(window.blocks.count(now_s), networks, self.blocks),
        )
        wandering = spread * fresh**2 * (1.0 - window.leading())
        programs = max(1.0, window.programs(context.features.user_agents, now_s) or self.unknown_software)
        tail = power_tail(wandering / programs, self.half, self.power)
        bound = 10.0 ** -(self.blind_ceiling + known * (self.ceiling - self.blind_ceiling))
        evidence = {
            "networks": networks,
            "operators": operators,
            "known_operator_share": known,
            "new_network_share": fresh,
            "network_switch_share": features.switch_share,
            "leading_operator_share": window.leading(),
            "addresses": features.addresses,
            "user_agents": features.user_agents,
            "countries": features.countries,
            "country_jump_share": window.share(window.jumps),
            "hosting_share": window.share(window.hosting),
            "vpn_share": window.share(window.vpn),
            "proxy_share": window.share(window.proxy),
        }
        return Scored(1.0 - max(tail, bound), evidence)


def _spread(distinct: float, networks: float, available: float) -> float:
    """Distinct ones, made less by how few they are for so many networks, drawn at random from `available` ones."""
    expected = available * -math.expm1(-networks / available)
    return distinct * min(1.0, distinct / expected) if expected else 0.0
