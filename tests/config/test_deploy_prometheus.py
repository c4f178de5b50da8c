"""The shipped scrape configuration, recording rules and alerts, judged by promtool and against the runbook."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from stream_detector.adapters.metrics import CollectorMetrics, HookMetrics, WorkerMetrics
from stream_detector.settings import Settings

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "deploy" / "prometheus"


def _rules(file: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((_FOLDER / file).read_text())["groups"] for rule in group["rules"]]


_ALERTS = _rules("alerts.yml")
_RECORDINGS = _rules("recordings.yml")


def _sample_names() -> set[str]:
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    HookMetrics(registry)
    CollectorMetrics(registry)
    suffixes = {"counter": ("_total", "_created"), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {family.name + suffix for family in registry.collect() for suffix in suffixes[family.type]}


@pytest.fixture(scope="module")
def promtool() -> str:
    tool = shutil.which("promtool")
    if not tool:
        pytest.skip("no promtool; run `make servers` (it comes with Debian's package prometheus)")
    return tool


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "recordings.yml", "alerts.yml"),
        ("test", "rules", "alerts.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_no_fault(promtool: str, arguments: tuple[str, ...]) -> None:
    result = subprocess.run([promtool, *arguments], cwd=_FOLDER, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_rule_file_is_loaded() -> None:
    loaded = yaml.safe_load((_FOLDER / "prometheus.yml").read_text())["rule_files"]
    assert set(loaded) == {path.name for path in _FOLDER.glob("*.yml")} - {"prometheus.yml", "alerts.test.yml"}


def test_scraped_ports_are_the_default_ports_of_what_compose_starts() -> None:
    jobs = yaml.safe_load((_FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    targets = {job["dns_sd_configs"][0]["names"][0]: job["dns_sd_configs"][0]["port"] for job in jobs}
    settings = Settings()
    assert targets == {
        "worker": settings.metrics_port,
        "hook": settings.hook_port,
        "collector": settings.collector_port,
    }


@pytest.mark.parametrize("rule", [*_RECORDINGS, *_ALERTS], ids=lambda rule: rule.get("alert") or rule["record"])
def test_rule_uses_only_metrics_that_exist(rule: dict[str, Any]) -> None:
    known = _sample_names() | {recording["record"] for recording in _RECORDINGS} | {"up"}
    used = set(re.findall(r"\bstream_detector[a-z0-9_:]*(?![\w-])|\bup\b", re.sub(r'"[^"]*"', "", rule["expr"])))
    assert used
    assert used <= known


def test_every_recording_is_used() -> None:
    expressions = " ".join(rule["expr"] for rule in [*_RECORDINGS, *_ALERTS])
    assert [rule["record"] for rule in _RECORDINGS if rule["record"] not in expressions] == []


@pytest.mark.parametrize("alert", _ALERTS, ids=lambda alert: alert["alert"])
class TestEveryAlert:
    def test_has_a_severity_and_says_what_is_wrong(self, alert: dict[str, Any]) -> None:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"].keys() == {"summary", "description", "runbook"}

    def test_points_at_its_own_heading_of_the_runbook(self, alert: dict[str, Any]) -> None:
        assert alert["annotations"]["runbook"] == f"docs/runbook.md#{alert['alert'].lower()}"

    def test_is_tested_firing_and_quiet(self, alert: dict[str, Any]) -> None:
        tests = yaml.safe_load((_FOLDER / "alerts.test.yml").read_text())["tests"]
        checks = [check for test in tests for check in test["alert_rule_test"] if check["alertname"] == alert["alert"]]
        assert {bool(check["exp_alerts"]) for check in checks} == {True, False}


def test_runbook_has_one_heading_for_each_alert_and_says_what_to_do_now() -> None:
    text = (_ROOT / "docs" / "runbook.md").read_text()
    sections = dict(re.findall(r"^### (StreamDetector\w+)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL))
    assert sections.keys() == {alert["alert"] for alert in _ALERTS}
    for name, section in sections.items():
        assert re.search(r"^1\. ", section, re.MULTILINE), f"{name}: no numbered list of what to do"
