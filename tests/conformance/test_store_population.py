"""What every PopulationStore does."""

from typing import Any

import pytest
from stores.backends import Run, Stores
from stores.samples import DAY_S, NOON_S

from stream_detector.domain.population import TemplateUse

_TEMPLATE = (1 << 53) - 1


def _use(stores: Stores, run: Run[Any], partition: int, use: TemplateUse, now_s: float = NOON_S) -> TemplateUse:
    answer = run(stores.population.exchange(partition, {_TEMPLATE: use}, now_s))
    assert list(answer) == [_TEMPLATE]
    return answer[_TEMPLATE]  # type: ignore[no-any-return]


def test_a_partition_hears_the_sum_of_the_others(stores: Stores, run: Run[Any]) -> None:
    assert _use(stores, run, 0, TemplateUse(5, 1)) == TemplateUse(0, 0)
    assert _use(stores, run, 1, TemplateUse(7, 2)) == TemplateUse(5, 1)
    assert _use(stores, run, 10, TemplateUse(1, 0)) == TemplateUse(12, 3)
    assert _use(stores, run, 0, TemplateUse(5, 1)) == TemplateUse(8, 2)


def test_counts_are_absolute_so_repeating_changes_nothing(stores: Stores, run: Run[Any]) -> None:
    for members in (5, 5, 9, 3):
        _use(stores, run, 0, TemplateUse(members, members - 1))
    assert _use(stores, run, 1, TemplateUse(0, 0)) == TemplateUse(3, 2)


def test_templates_share_nothing(stores: Stores, run: Run[Any]) -> None:
    uses = {template: TemplateUse(template, 0) for template in range(1, 50)}
    run(stores.population.exchange(0, uses, NOON_S))
    heard = run(
        stores.population.exchange(1, {7: TemplateUse(1, 1), 99: TemplateUse(1, 1), 8: TemplateUse(1, 1)}, NOON_S)
    )
    assert heard == {7: TemplateUse(7, 0), 99: TemplateUse(0, 0), 8: TemplateUse(8, 0)}
    assert run(stores.population.exchange(1, {}, NOON_S)) == {}


@pytest.mark.parametrize(("age_s", "heard"), [(8 * DAY_S, 5), (8 * DAY_S + 0.001, 0), (-DAY_S, 5)])
def test_counts_older_than_eight_days_are_not_added_up(stores: Stores, run: Run[Any], age_s: float, heard: int) -> None:
    _use(stores, run, 0, TemplateUse(5, 0), NOON_S)
    assert _use(stores, run, 1, TemplateUse(1, 0), NOON_S + age_s).members == heard


def test_a_partition_that_speaks_again_counts_again(stores: Stores, run: Run[Any]) -> None:
    _use(stores, run, 0, TemplateUse(5, 0), NOON_S)
    late_s = NOON_S + 20 * DAY_S
    assert _use(stores, run, 1, TemplateUse(1, 0), late_s) == TemplateUse(0, 0)
    _use(stores, run, 0, TemplateUse(6, 0), late_s)
    assert _use(stores, run, 1, TemplateUse(1, 0), late_s) == TemplateUse(6, 0)
