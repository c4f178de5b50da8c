"""The provisioned dashboards: complete, consistent, and without a query for something that does not exist."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from stream_detector.adapters.metrics import CollectorMetrics, HookMetrics, WorkerMetrics

_DEPLOY = Path(__file__).parents[2] / "deploy"
_FOLDER = _DEPLOY / "grafana" / "dashboards"
_DASHBOARDS: dict[str, dict[str, Any]] = {path.name: json.loads(path.read_text()) for path in _FOLDER.iterdir()}
_PANELS: list[dict[str, Any]] = [
    panel for dashboard in _DASHBOARDS.values() for panel in dashboard["panels"] if panel["type"] != "row"
]
_PROVISIONING = _DEPLOY / "grafana" / "provisioning"
_COLUMNS = 24
_OF_PROMETHEUS = {"up", "ALERTS"}


def _families() -> dict[str, str]:
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    HookMetrics(registry)
    CollectorMetrics(registry)
    return {family.name: family.type for family in registry.collect()}


def _datasource() -> dict[str, Any]:
    provisioned = yaml.safe_load((_PROVISIONING / "datasources" / "prometheus.yml").read_text())
    (datasource,) = provisioned["datasources"]
    return dict(datasource)


def _metrics(expression: str) -> set[str]:
    """Names of the series in an expression: whatever stands before a selector, a range or the end of an operand."""
    without_strings = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"\b(?:stream_detector\w+|up|ALERTS)\b", without_strings))


def _expressions() -> list[str]:
    return [target["expr"] for panel in _PANELS for target in panel["targets"]]


def _by_title(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def test_there_is_one_for_what_decides_and_enforces_and_one_for_what_is_reported() -> None:
    assert {name: dashboard["uid"] for name, dashboard in _DASHBOARDS.items()} == {
        "overview.json": "stream-detector-overview",
        "collector.json": "stream-detector-collector",
    }


@pytest.mark.parametrize("name", _DASHBOARDS)
class TestEveryDashboard:
    def test_has_the_one_form_that_json_dumps_gives_it(self, name: str) -> None:
        form = json.dumps(_DASHBOARDS[name], indent=2, ensure_ascii=False) + "\n"
        assert (_FOLDER / name).read_text() == form

    def test_leads_to_the_other_one(self, name: str) -> None:
        (other,) = (dashboard["uid"] for each, dashboard in _DASHBOARDS.items() if each != name)
        assert [link["url"] for link in _DASHBOARDS[name]["links"]] == [f"/d/{other}"]

    def test_has_panels_with_ids_of_their_own(self, name: str) -> None:
        ids = [panel["id"] for panel in _DASHBOARDS[name]["panels"]]
        assert len(set(ids)) == len(ids)

    def test_shows_no_two_panels_under_the_same_name_in_one_row(self, name: str) -> None:
        titles: list[str] = []
        for panel in _DASHBOARDS[name]["panels"]:
            titles = [] if panel["type"] == "row" else [*titles, panel["title"]]
            assert len(set(titles)) == len(titles)

    def test_has_panels_that_lie_beside_each_other_and_within_the_page(self, name: str) -> None:
        places = [panel["gridPos"] for panel in _DASHBOARDS[name]["panels"]]
        for place in places:
            assert place["x"] >= 0
            assert place["x"] + place["w"] <= _COLUMNS
        for one, other in itertools.combinations(places, 2):
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert beside or above

    def test_answers_whether_all_is_well_by_single_values_at_the_top(self, name: str) -> None:
        panels = _DASHBOARDS[name]["panels"]
        first_row, second_row = [panel["gridPos"]["y"] for panel in panels if panel["type"] == "row"][:2]
        top = [panel for panel in panels if first_row < panel["gridPos"]["y"] < second_row]
        assert first_row == 0
        assert {panel["type"] for panel in top} == {"stat"}
        # An instant value: never an old one shown as if it were now.
        assert all(target["instant"] for panel in top for target in panel["targets"])

    def test_has_annotations_that_ask_the_provisioned_data_source(self, name: str) -> None:
        uids = {annotation["datasource"]["uid"] for annotation in _DASHBOARDS[name]["annotations"]["list"]}
        assert uids == {_datasource()["uid"]}


@pytest.mark.parametrize("panel", _PANELS, ids=_by_title)
class TestEveryPanel:
    def test_says_what_it_means_in_which_unit(self, panel: dict[str, Any]) -> None:
        assert len(panel["description"]) > 20
        assert panel["fieldConfig"]["defaults"]["unit"]

    def test_has_thresholds_that_rise(self, panel: dict[str, Any]) -> None:
        first, *others = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        values = [step["value"] for step in others]
        assert first["value"] is None
        assert values == sorted(values)

    def test_names_each_of_its_series(self, panel: dict[str, Any]) -> None:
        assert panel["targets"]
        assert all(target["legendFormat"] for target in panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])

    def test_asks_the_provisioned_data_source(self, panel: dict[str, Any]) -> None:
        assert panel["datasource"] == {"type": "prometheus", "uid": _datasource()["uid"]}

    def test_asks_only_for_metrics_that_exist(self, panel: dict[str, Any]) -> None:
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
        known = {name + suffix for name, kind in _families().items() for suffix in suffixes[kind]}
        for target in panel["targets"]:
            used = _metrics(target["expr"])
            assert used
            assert used <= known | _OF_PROMETHEUS

    def test_shows_labels_in_its_legend_that_its_query_keeps(self, panel: dict[str, Any]) -> None:
        for target in panel["targets"]:
            kept = {name for names in re.findall(r"by \(([^)]*)\)", target["expr"]) for name in names.split(", ")}
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept


def test_every_metric_is_on_a_dashboard() -> None:
    shown = set().union(*map(_metrics, _expressions()))
    missing = {name for name in _families() if not any(re.match(rf"{name}(_total|_bucket|_sum)?$", s) for s in shown)}
    assert missing == set()


def test_data_source_knows_how_often_prometheus_scrapes() -> None:
    scraped = yaml.safe_load((_DEPLOY / "prometheus" / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert _datasource()["jsonData"]["timeInterval"] == scraped


def test_provisioned_folder_is_where_compose_mounts_the_dashboards() -> None:
    (provider,) = yaml.safe_load((_PROVISIONING / "dashboards" / "stream_detector.yml").read_text())["providers"]
    grafana = yaml.safe_load((_DEPLOY.parent / "docker-compose.yml").read_text())["services"]["grafana"]
    mounted = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    assert mounted["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/overview.json"
