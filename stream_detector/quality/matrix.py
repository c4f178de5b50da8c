"""The scenario matrix: which campaigns, in which variations, beside which honest population. Seeds differ by chance only.

A *cell* is one campaign: a family at one rate, mixed with so much honest work, over so many accounts. Campaigns of published
length (20 days in the median) do not fit into two weeks of traffic; they are planned for 20 days and stop with the recording.
A *batch* is a dozen cells beside one population, because a campaign among nothing but campaigns would be judged by them.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import msgspec
from msgspec import Struct

from stream_detector.simulate.arrivals import DAY_S
from stream_detector.simulate.benign import EVERY_KIND
from stream_detector.simulate.campaigns import Age, Campaign, Cover, Family, Harness, Language, Network, Template
from stream_detector.simulate.scenario import Scenario

SEEDS = (9001, 9002, 9003, 9004, 9005)
"""Of the report. Nothing is tuned on them."""
PLANNED_DAYS = 20.0
"""Median length of the campaigns whose length was published."""
_USUAL_WEIGHTS = {"interactive": 5.0, "production_app": 3.0}
"""Commoner than the look-alikes; each of those has weight 1."""
_SLOW = frozenset({Family.RAMP, Family.LOW_AND_SLOW})
_POOLED = 4
"""Accounts of a template pool at least: alone it is no pool."""
_NEVER_HOT = frozenset({Family.TEMPLATE_POOL, Family.BOUNDARY_PROBING, Family.TECHNIQUE_SEARCH, Family.TAKEOVER})
"""Families whose source knows no account with 10,000 calls a day."""
_CELLS_PER_BATCH = 18
_LONGEST_RATE = 300.0
_WARM_UP_DAYS, _SLOW_WARM_UP_DAYS = 3.0, 14.0


class Cell(Struct, frozen=True, kw_only=True):
    """One campaign of the matrix."""

    campaign: Campaign
    variant: str = ""
    """What is unusual about its accounts, network, software or words."""
    planned_calls: int | None = None
    """Per account; None where the recording holds the whole campaign."""

    @property
    def share(self) -> float:
        """Of its calls that serve the campaign."""
        return 1.0 - self.campaign.mix


class Population(Struct, frozen=True, kw_only=True):
    """Honest clients of one seed, without campaigns, and the days in which they are alone."""

    name: str
    scenario: Scenario
    warm_up_days: float


class Batch(Struct, frozen=True, kw_only=True):
    """Campaigns beside one population."""

    name: str
    population: Population
    cells: tuple[Cell, ...]


class Extent(Struct, frozen=True, kw_only=True):
    """How much of the matrix to run."""

    clients: int = 240
    scale: float = 0.1
    days: float = 14.0
    slow_clients: int = 45
    slow_scale: float = 0.04
    slow_days: float = 91.0
    is_quick: bool = False
    """A third of the cells, and no slow campaigns."""
    only: frozenset[Family] = frozenset()
    """Families; empty for all."""


def batches(seed: int, extent: Extent) -> tuple[Batch, ...]:
    """All batches of one seed."""
    families = [family for family in Family if not extent.only or family in extent.only]
    rng = Random(f"{seed}/matrix")
    fast = Population(
        name="two weeks",
        scenario=honest_scenario(seed, extent.clients, extent.scale, extent.days),
        warm_up_days=_WARM_UP_DAYS,
    )
    cells = [cell for family in families if family not in _SLOW for cell in _fast_cells(rng, family, extent)]
    if extent.is_quick:
        cells = cells[::3]
    made = list(_packed(rng, fast, cells))
    slow = [cell for family in families if family in _SLOW for cell in _slow_cells(rng, family)]
    if slow and not extent.is_quick:
        honest = honest_scenario(seed, extent.slow_clients, extent.slow_scale, extent.slow_days)
        quiet = Population(name="13 weeks", scenario=honest, warm_up_days=_SLOW_WARM_UP_DAYS)
        made.extend(_packed(rng, quiet, slow))
    return tuple(made)


def honest_scenario(seed: int, clients: int, scale: float, days: float) -> Scenario:
    """Every class of honest clients, and no campaigns."""
    kinds = tuple((kind, _USUAL_WEIGHTS.get(kind, 1.0)) for kind, _ in EVERY_KIND)
    return Scenario(seed=seed, duration_s=days * DAY_S, clients=clients, scale=scale, kinds=kinds, campaigns=())


def _fast_cells(rng: Random, family: Family, extent: Extent) -> Iterator[Cell]:
    """Cells of two weeks: days of the campaign are fewer where it sends much, because it is over sooner."""
    few = _POOLED if family is Family.TEMPLATE_POOL else 1

    def cell(rate: float, days: float, accounts: int = few, variant: str = "", **settings: object) -> Cell:
        begin_s = _begin_s(rng, family, days, extent.days)
        return cell_of(family, rate, accounts, variant, {"start_after_s": begin_s, **settings})

    yield cell(30, 9)
    yield cell(100, 7)
    yield cell(1_000, 2)
    if family not in _NEVER_HOT:
        yield cell(10_000, 0.4)
    for share, days in ((0.5, 2), (0.25, 3), (0.1, 6), (0.05, 6)):
        yield cell(1_000 if few == 1 else 300, days, mix=1 - share, cover=rng.choice(list(Cover)))
    yield cell(300, 2, 4)
    yield cell(100, 2.5, 16)
    yield cell(
        300,
        3,
        variant="bought accounts, homes, relay",
        age=Age.AGED,
        network=Network.RESIDENTIAL,
        harness=Harness.RELAY,
    )
    yield cell(
        300, 3, variant="weeks old, VPN, framework", age=Age.WEEKS, network=Network.VPN, harness=Harness.FRAMEWORK
    )
    yield cell(300, 3, variant="paraphrased, many languages", template=Template.PARAPHRASED, language=Language.MIXED)


def _slow_cells(rng: Random, family: Family) -> Iterator[Cell]:
    """Cells of 13 weeks; the rate of a ramp is that of its first week."""
    rates = (10.0, 30.0) if family is Family.RAMP else (30.0, 100.0)
    for rate in rates:
        yield cell_of(family, rate, 1, "", {}, is_whole=True)
        yield cell_of(family, rate, 1, "", {"mix": 0.75, "cover": rng.choice(list(Cover))}, is_whole=True)
    yield cell_of(family, rates[0], 4, "", {}, is_whole=True)


def _begin_s(rng: Random, family: Family, days: float, whole_days: float) -> float:
    """A pivot begins before the release that it waits for; the others after the warm-up, early enough for their days."""
    if family is Family.RELEASE_PIVOT:
        return rng.uniform(0.5, 1.2) * DAY_S
    latest = max(_WARM_UP_DAYS, whole_days - days)
    return max(_WARM_UP_DAYS, latest - rng.uniform(0.0, 0.2) * days) * DAY_S


def cell_of(
    family: Family, rate: float, accounts: int, variant: str, settings: Mapping[str, object], *, is_whole: bool = False
) -> Cell:
    """A cell with a name that says what it is.

    Args:
        family: of the campaign.
        rate: calls per account and day; it and the accounts are capped for a release pivot, which lasts to the end.
        accounts: how many.
        variant: what is unusual, in words.
        settings: further fields of `Campaign`.
        is_whole: whether the recording holds all of the campaign.
    """
    if family is Family.RELEASE_PIVOT:
        accounts = min(accounts, _POOLED)
        rate = min(rate, _LONGEST_RATE if accounts == 1 else _LONGEST_RATE / 3)
    campaign = msgspec.convert(
        {
            "id": "",
            "family": family,
            "accounts": accounts,
            "calls_per_account_day": rate,
            "jitter": 0.3 if accounts > 1 else 0.1,
            **settings,
        },
        Campaign,
    )
    words = [
        family.value,
        f"{rate:g} a day",
        f"{1 - campaign.mix:.0%}",
        f"{accounts} accounts" if accounts > 1 else "",
        variant,
    ]
    named = msgspec.structs.replace(campaign, id=", ".join(filter(None, words)))
    return Cell(campaign=named, variant=variant, planned_calls=None if is_whole else round(rate * PLANNED_DAYS))


def _packed(rng: Random, population: Population, cells: Sequence[Cell]) -> Iterator[Batch]:
    """Dealt out like cards, the largest first, so that no batch has many accounts more than another."""
    count = -(-len(cells) // _CELLS_PER_BATCH)
    dealt = list(dict.fromkeys(cell.campaign.id for cell in cells))
    by_id = {cell.campaign.id: cell for cell in cells}
    order = sorted(rng.sample(dealt, len(dealt)), key=lambda name: -by_id[name].campaign.accounts)
    for number in range(count):
        mine = tuple(by_id[name] for name in order[number::count])
        yield Batch(name=f"{population.name}, {number + 1} of {count}", population=population, cells=mine)
