"""Prometheus, configured as shipped, reads a worker and a hook; every panel and every alert then has an answer."""

import json
import math
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client import CollectorRegistry, MetricsHandler
from servers.processes import ServerProcess, free_port, wait_until

from stream_detector.adapters.metrics import HookMetrics, WorkerMetrics
from stream_detector.domain.decisions import Action, Mode
from stream_detector.domain.errors import RejectReason
from stream_detector.domain.verdicts import Cause

_DEPLOY = Path(__file__).parents[2] / "deploy"
_DASHBOARD: dict[str, Any] = json.loads((_DEPLOY / "grafana" / "dashboards" / "overview.json").read_text())
_PANELS: list[dict[str, Any]] = [panel for panel in _DASHBOARD["panels"] if panel["type"] != "row"]
_ANNOTATIONS: list[dict[str, Any]] = _DASHBOARD["annotations"]["list"]
_ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((_DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
_TICK_S = 0.2


class Targets(NamedTuple):
    """`host:port` of a worker's and a hook's metrics; both have something to report in every panel."""

    worker: str
    hook: str


@pytest.fixture(scope="module")
def live_targets() -> Iterator[Targets]:
    """Two pages with the catalogue's metrics, which grow as if there were traffic."""
    with _page(_working) as worker, _page(_answering) as hook:
        yield Targets(worker, hook)


@contextmanager
def _page(start: Callable[[CollectorRegistry], Callable[[], None]]) -> Iterator[str]:
    """Serve a registry that `start` fills, and call what it returns several times a second."""
    registry = CollectorRegistry()
    tick, ended = start(registry), threading.Event()

    def tick_until_ended() -> None:
        while not ended.wait(_TICK_S):
            tick()

    server = ThreadingHTTPServer(("127.0.0.1", 0), MetricsHandler.factory(registry))
    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=tick_until_ended)]
    for thread in threads:
        thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()


def _working(registry: CollectorRegistry) -> Callable[[], None]:
    """A worker with two partitions."""
    worker = WorkerMetrics(registry)
    worker.transport.labels("chunked").set(1)
    worker.profiles.set(12_000)

    def tick() -> None:
        worker.calls.inc(3_000)
        worker.replayed.inc()
        worker.chunk_records.observe(250)
        worker.chunk_seconds.observe(0.007)
        worker.call_to_decision.observe(0.08)
        worker.checkpoint_seconds.observe(0.02)
        worker.checkpoint_bytes.inc(200_000)
        worker.checkpoint_age.set(1.5)
        worker.store_retries.inc(0)
        for partition in ("0", "1"):
            worker.lag.labels(partition).set(120)
            worker.valve_open.labels(partition).set(0)
        for reason in RejectReason:
            worker.dead_letters.labels(reason).inc()
        for detector in ("volume_spike", "shared_template"):
            worker.readings.labels(detector, "warming").inc()
            worker.readings.labels(detector, "scored").inc(9)
            for action in Action:
                for mode in Mode:
                    worker.decisions.labels(action, mode, detector).inc()

    return tick


def _answering(registry: CollectorRegistry) -> Callable[[], None]:
    """A hook with a fresh table."""
    hook = HookMetrics(registry)

    def tick() -> None:
        hook.seconds.observe(0.000_04)
        hook.table_age.set(0.4)
        hook.limiter_errors.inc(0)
        for action in Action:
            for cause in Cause:
                hook.verdicts.labels(action, cause).inc()
            for mode in Mode:
                hook.subjects.labels(action, mode).set(3)

    return tick


class Prometheus:
    """A running Prometheus, asked as Grafana asks it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def is_ready(self) -> bool:
        try:
            self._get("/-/ready")
        except OSError:
            return False
        return True

    def query(self, expression: str) -> list[float]:
        """The value of each series; AssertionError with Prometheus's own words when it does not understand."""
        answer = json.loads(self._get("/api/v1/query", query=expression))
        assert answer["status"] == "success", f"{answer.get('error')}: {expression}"
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def has_number(self, expression: str) -> bool:
        """Whether a panel with this query would show something; NaN and infinity show nothing."""
        return any(map(math.isfinite, self.query(expression)))

    def rules(self) -> list[dict[str, Any]]:
        """Recording rules and alerts with their state."""
        groups = json.loads(self._get("/api/v1/rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _get(self, path: str, **parameters: str) -> bytes:
        url = f"{self._url}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - this test's own server
                return bytes(response.read())
        except urllib.error.HTTPError as refusal:
            if refusal.code == 400:  # a query that is none: the reason is in the body
                return bytes(refusal.read())
            raise


@pytest.fixture(scope="module")
def prometheus(live_targets: Targets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with the shipped configuration; only addresses and intervals differ."""
    binary = shutil.which("prometheus")
    if not binary:
        pytest.skip("no prometheus; run `make servers` (Debian's package prometheus)")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_retargeted(live_targets)))
    command = [
        binary,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    server = ServerProcess(command, folder / "prometheus.log")
    try:
        client = Prometheus(f"http://127.0.0.1:{port}")
        server.wait_ready(client.is_ready)
        yield client
    finally:
        server.stop()


def _retargeted(targets: Targets) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((_DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(_DEPLOY / "prometheus" / file) for file in config["rule_files"]]
    addresses = {"stream-detector-worker": targets.worker, "stream-detector-hook": targets.hook}
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [addresses.pop(job["job_name"])]}]
    assert not addresses
    return config


def _as_grafana_sends_it(expression: str) -> str:
    return expression.replace("$__rate_interval", "10s")


@pytest.mark.parametrize("panel", _PANELS, ids=[f"{panel['id']} {panel['title']}" for panel in _PANELS])
def test_panel_shows_a_number_for_each_of_its_queries(prometheus: Prometheus, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        expression = _as_grafana_sends_it(target["expr"])
        assert "$" not in expression, "a variable that nothing fills in"
        wait_until(partial(prometheus.has_number, expression), expression)


@pytest.mark.parametrize("annotation", _ANNOTATIONS, ids=lambda annotation: annotation["name"])
def test_annotation_is_a_query(prometheus: Prometheus, annotation: dict[str, Any]) -> None:
    prometheus.query(annotation["expr"])


@pytest.mark.parametrize("alert", _ALERTS, ids=lambda alert: alert["alert"])
def test_alert_is_a_query(prometheus: Prometheus, alert: dict[str, Any]) -> None:
    prometheus.query(alert["expr"])


def test_prometheus_evaluates_every_rule_without_a_fault(prometheus: Prometheus) -> None:
    wait_until(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), "all rules evaluated")
    faults = {rule["name"]: rule.get("lastError") for rule in prometheus.rules() if rule["health"] != "ok"}
    assert faults == {}
    assert {alert["alert"] for alert in _ALERTS} <= {rule["name"] for rule in prometheus.rules()}


def test_nobody_is_called_because_of_a_process_that_runs(prometheus: Prometheus) -> None:
    wait_until(lambda: prometheus.query("count(up == 1)") == [2.0], "worker and hook scraped")
    down = 'ALERTS{alertname=~"StreamDetector(Worker|Hook|Instance)Down",alertstate="firing"}'
    assert prometheus.query(down) == []
