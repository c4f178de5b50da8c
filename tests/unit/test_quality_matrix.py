"""The scenario matrix: every family, in every slice, beside enough honest clients."""

from collections import Counter

import pytest

from stream_detector.quality.matrix import SEEDS, Cell, Extent, batches
from stream_detector.quality.slices import SLICES
from stream_detector.quality.truth import scenario_of, truth_of
from stream_detector.simulate.campaigns import Family


def cells(extent: Extent | None = None, seed: int = SEEDS[0]) -> list[Cell]:
    return [cell for batch in batches(seed, extent or Extent()) for cell in batch.cells]


def test_every_family_is_there_at_several_rates_and_mixes() -> None:
    found = cells()
    assert {cell.campaign.family for cell in found} == set(Family)
    for family in Family:
        mine = [cell.campaign for cell in found if cell.campaign.family is family]
        assert len({campaign.calls_per_account_day for campaign in mine}) >= 2, family
        assert len({campaign.mix for campaign in mine}) >= 2, family
        assert len({campaign.accounts for campaign in mine}) >= 2, family


@pytest.mark.parametrize("seed", SEEDS)
def test_every_cell_is_in_one_slice_and_every_family_in_those_of_the_promises(seed: int) -> None:
    found = cells(seed=seed)
    for cell in found:
        assert sum(is_in(cell) for is_in in SLICES.values()) == 1, cell
    for family in Family:
        mine = [cell for cell in found if cell.campaign.family is family]
        assert any(SLICES["busy"](cell) for cell in mine), family
        assert any(SLICES["mixed"](cell) for cell in mine), family


def test_campaigns_are_few_among_the_honest_and_begin_after_the_warm_up() -> None:
    for batch in batches(SEEDS[0], Extent()):
        honest = batch.population.scenario.clients
        assert sum(cell.campaign.accounts for cell in batch.cells) <= 0.4 * honest
        for cell in batch.cells:
            campaign = cell.campaign
            moving = {Family.RELEASE_PIVOT, Family.RAMP, Family.LOW_AND_SLOW}
            if campaign.family not in moving:
                assert campaign.start_after_s >= batch.population.warm_up_days * 86_400


def test_equal_seeds_give_equal_matrices_and_others_do_not() -> None:
    assert batches(1, Extent()) == batches(1, Extent())
    assert batches(1, Extent()) != batches(2, Extent())


def test_only_some_families_are_laid_out_on_request() -> None:
    only = frozenset({Family.RAMP, Family.RUBRIC_JUDGE})
    assert {cell.campaign.family for cell in cells(Extent(only=only))} == only
    assert len(cells(Extent(is_quick=True))) < len(cells()) / 2


def test_labels_of_a_batch_know_start_and_plan_of_its_campaigns() -> None:
    batch = batches(3, Extent(clients=20))[0]
    truth = truth_of(batch)
    by_campaign = Counter(label.campaign for label in truth.values())
    assert by_campaign.pop(None) == 20
    assert by_campaign == {cell.campaign.id: cell.campaign.accounts for cell in batch.cells}
    start_s = scenario_of(batch).start_s
    for cell in batch.cells:
        [label, *_] = [label for label in truth.values() if label.campaign == cell.campaign.id]
        assert label.planned_calls == cell.planned_calls
        assert label.starts_at == start_s + cell.campaign.start_after_s
