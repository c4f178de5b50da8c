"""docs/metrics.md and the catalogue of metrics say the same."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from stream_detector.adapters.metrics import CollectorMetrics, HookMetrics, WorkerMetrics
from stream_detector.domain.decisions import Action, Mode
from stream_detector.domain.errors import RejectReason
from stream_detector.domain.verdicts import Cause

_PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
_UNITS = {"_seconds": "seconds", "_bytes": "bytes", "_records": "records"}


class _Row(NamedTuple):
    kind: str
    labels: str
    unit: str
    meaning: str
    advice: str


def _catalogue() -> dict[str, MetricWrapperBase]:
    catalogues = [catalogue(CollectorRegistry()) for catalogue in (WorkerMetrics, HookMetrics, CollectorMetrics)]
    metrics = [metric for catalogue in catalogues for metric in vars(catalogue).values()]
    named = [metric for metric in metrics if isinstance(metric, MetricWrapperBase)]
    return {metric._name + ("_total" if metric._type == "counter" else ""): metric for metric in named}


def _documented() -> dict[str, _Row]:
    rows = re.findall(r"^\| `(stream_detector\w+)` \|(.*)\|$", _PAGE, re.MULTILINE)
    assert len({name for name, _ in rows}) == len(rows), "a metric is documented twice"
    return {name: _Row(*(cell.strip() for cell in cells.split("|"))) for name, cells in rows}


def test_page_documents_every_metric_and_no_other() -> None:
    assert _documented().keys() == _catalogue().keys()


@pytest.mark.parametrize("name", sorted(_catalogue()))
class TestEveryMetric:
    def test_is_documented_with_its_type_and_its_labels(self, name: str) -> None:
        metric, row = _catalogue()[name], _documented()[name]
        assert row.kind == metric._type
        assert row.labels == ", ".join(metric._labelnames)

    def test_means_on_the_page_what_its_help_text_says(self, name: str) -> None:
        first_sentence = _catalogue()[name]._documentation.rstrip(".").split(";")[0]
        assert _documented()[name].meaning.startswith(first_sentence)

    def test_is_documented_in_the_unit_of_its_name(self, name: str) -> None:
        for suffix, unit in _UNITS.items():
            if name.removesuffix("_total").endswith(suffix):
                assert _documented()[name].unit == unit
        assert _documented()[name].unit

    def test_comes_with_advice_on_what_to_look_for(self, name: str) -> None:
        assert len(_documented()[name].advice) > 5

    def test_has_no_label_that_could_name_a_client(self, name: str) -> None:
        bounded = {"action", "mode", "reason", "cause", "detector", "state", "partition", "transport", "source"}
        assert set(_catalogue()[name]._labelnames) <= bounded


def test_page_names_every_reason_of_rejection() -> None:
    assert [reason for reason in RejectReason if f"`{reason}`" not in _PAGE] == []


def test_page_names_the_causes_that_need_somebody_to_act() -> None:
    assert [
        cause for cause in (Cause.LIMITER_DOWN, Cause.TABLE_STALE, Cause.UNIDENTIFIED) if f"`{cause}`" not in _PAGE
    ] == []


def test_page_names_modes_and_the_actions_that_hurt() -> None:
    assert [word for word in (*Mode, Action.THROTTLE, Action.BLOCK) if f"`{word}`" not in _PAGE] == []
