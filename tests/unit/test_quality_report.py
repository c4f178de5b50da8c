"""The benchmark from end to end on a tiny scale, and its report."""

from pathlib import Path

import msgspec
import pytest
from demos.pages import Page

from stream_detector.detection.policy import Policy
from stream_detector.quality import benchmark, files, gather
from stream_detector.quality.benchmark import Options
from stream_detector.quality.inputs import Inputs
from stream_detector.quality.matrix import Extent
from stream_detector.quality.results import Result
from stream_detector.simulate.campaigns import Family

ONLY = frozenset({Family.LOGIT_PROBER, Family.BOUNDARY_PROBING})
OPTIONS = Options(
    seeds=(1, 2),
    extent=Extent(clients=31, scale=0.02, days=4.0, is_quick=True, only=ONLY),
    policy=Policy(),
    inputs=Inputs(),
)


@pytest.fixture(scope="module")
def told() -> list[tuple[int, int]]:
    return []


@pytest.fixture(scope="module")
def result(told: list[tuple[int, int]]) -> Result:
    outcomes = benchmark.run_benchmark(OPTIONS, lambda done, total: told.append((done, total)))
    return gather.result_of(outcomes, OPTIONS, 60.0)


def test_progress_ends_when_all_is_done(result: Result, told: list[tuple[int, int]]) -> None:
    assert result.calls > 0
    assert told[0][0] == 0
    assert max(told) == (told[0][1], told[0][1])


def test_all_seeds_families_and_classes_are_in_the_result(result: Result) -> None:
    assert {row.seed for row in result.campaigns} == {1, 2}
    assert {family.family for family in result.families} == set(ONLY)
    assert {row.family for row in result.campaigns} == set(ONLY)
    assert result.honest.client_days
    assert result.honest.client_days == pytest.approx(sum(each.client_days or 0 for each in result.classes))
    prober = next(each for each in result.families if each.family == Family.LOGIT_PROBER)
    assert prober.recall["busy"].mean == 1.0


def test_rivals_and_other_ways_to_decide_are_judged_on_the_same_campaigns(result: Result) -> None:
    assert result.as_it_is is not None
    assert len({point.name for point in result.rivals}) == len(result.rivals) > 0
    assert "without parameter_probe" in {point.name for point in result.ablation}
    recalls = [point.recall for point in result.thresholds]
    assert recalls == sorted(recalls, reverse=True), "a higher threshold finds no more"


def test_the_report_names_every_family_and_class_and_needs_no_network(result: Result, tmp_path: Path) -> None:
    paths = {path.suffix: path for path in files.write(result, tmp_path)}
    assert msgspec.json.decode(paths[".json"].read_bytes(), type=Result) == result
    page = Page(paths[".html"].read_text("utf-8"))
    text, tables = " ".join(page.texts), paths[".md"].read_text("utf-8")
    assert page.addresses == []
    for name in (*ONLY, *(each.kind for each in result.classes), *(each.name for each in result.rivals)):
        assert name in text
        assert f"| {name} |" in tables
    assert result.inputs in text
    assert "simulated" in tables


def test_equal_options_give_equal_figures(result: Result) -> None:
    options = msgspec.structs.replace(OPTIONS, seeds=(2,), rival_seeds=0, processes=1)
    again = gather.result_of(benchmark.run_benchmark(options, lambda _done, _total: None), options, 60.0)
    assert again.campaigns == tuple(row for row in result.campaigns if row.seed == 2)
