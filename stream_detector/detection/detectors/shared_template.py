"""shared_template: accounts signed up for one template."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import binomial_tail
from stream_detector.detection.population import is_young
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class SharedTemplate(Struct, frozen=True):
    """Are the clients that share this client's template younger than clients are?

    Public harness prompts are shared by accounts of all ages, a campaign's template by accounts made for it. Under the
    null, each member of known age is young with the rate of the whole population, and as many tests are made as there are
    shared templates.

    A member that is old itself is not suspected: anybody can make young accounts that copy an honest template.

    Misses: bought or taken-over old accounts, a template paraphrased per account, gateways that do not send
    `client_created_ts`. A new harness that goes viral brings young accounts too: the ceiling asks for other evidence.

    Parameters: `min_members` of known age; `min_share` of the client's prompts that must carry the template.

    Reference: SynchroTrap (Cao et al., CCS 2014): accounts that share objects beyond chance.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0, same_head=True)
    >>> profile.created_ts = profile.first_ts - 86_400.0
    >>> SharedTemplate().score(profile, example_context(profile, members=10, young=10)).suspicion > 0.999
    True
    """

    name: ClassVar[str] = "shared_template"
    family: ClassVar[Family] = Family.COORDINATION
    ceiling: ClassVar[float] = 2.8

    min_members: int = 4
    min_share: float = 0.5

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        use = context.template
        if use.members < self.min_members:
            return Warming(float(use.members), float(self.min_members))
        share = context.features.template_share
        evidence = {"members": float(use.members), "young_members": float(use.young), "own_share": share}
        if share < self.min_share or not is_young(profile):
            return Scored(0.0, evidence)
        tail = binomial_tail(use.young, use.members, context.young_rate) * max(1, context.hot_templates)
        return Scored(1.0 - min(1.0, tail), evidence)
