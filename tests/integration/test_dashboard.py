"""Prometheus, configured as shipped, reads worker, hook and collector at work.

Every panel shows something, every alert is a query.
"""

import json
import math
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from running import live_traffic
from running.collector_process import CollectorProcess
from running.hook_process import HookProcess
from running.installation import installed
from servers.kafka_topics import KafkaTopics
from servers.processes import ServerProcess, free_port, wait_until

_DEPLOY = Path(__file__).parents[2] / "deploy"
_DASHBOARDS: list[dict[str, Any]] = [
    json.loads(path.read_text()) for path in sorted((_DEPLOY / "grafana" / "dashboards").iterdir())
]
_PANELS: list[dict[str, Any]] = [
    panel for dashboard in _DASHBOARDS for panel in dashboard["panels"] if panel["type"] != "row"
]
_ANNOTATIONS: list[dict[str, Any]] = [each for dashboard in _DASHBOARDS for each in dashboard["annotations"]["list"]]
_ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((_DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


_HAPPENS = (
    *(f'stream_detector_decisions_total{{action="{action}",mode="enforce"}}' for action in ("throttle", "block")),
    *(f'stream_detector_dead_letters_total{{reason="{reason}"}}' for reason in ("unreadable", "invalid_field")),
    *(
        f'stream_detector_hook_verdicts_total{{cause="{cause}"}}'
        for cause in ("no_decision", "decision", "within_limit", "over_limit", "unidentified")
    ),
    'stream_detector_collector_events_total{source="calls"}',
    'stream_detector_collector_bodies_total{source="litellm",state="unsupported"}',
    'stream_detector_collector_refused_total{source="calls",reason="invalid_field"}',
    "stream_detector_collector_duplicates_total",
    "stream_detector_collector_waiting",
)
"""What the traffic must lead to: panels about it show more than a zero."""
_MEASURE_THE_MACHINE = {"StreamDetectorDecisionsSlow", "StreamDetectorHookSlow"}
_SURE_ALERTS = [alert for alert in _ALERTS if alert["alert"] not in _MEASURE_THE_MACHINE]


class Targets(NamedTuple):
    """`host:port` of the metrics of each process."""

    worker: str
    hook: str
    collector: str


@pytest.fixture(scope="module")
def topics(kafka: str) -> Iterator[KafkaTopics]:
    """Topics of this module."""
    topics = KafkaTopics(kafka)
    yield topics
    topics.delete_created()
    topics.close()


@pytest.fixture(scope="module")
def live_targets(
    topics: KafkaTopics, redis_session_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Targets]:
    """Worker, hook and collector on real servers, with traffic of every sort, after the first decisions."""
    folder = tmp_path_factory.mktemp("installation")
    settings = {"clock": live_traffic.CLOCK, "max_future_s": live_traffic.MAX_FUTURE_S}
    with installed(topics, redis_session_url, folder, **settings) as installation:
        installation.create_calls(2)
        worker = installation.start()
        reported = {"collector_topics": f"{topics.create(1, 'reported')}=calls"}
        with (
            closing(HookProcess(installation.settings, folder / "hook.log")) as hook,
            ExitStack() as stack,
        ):
            collector = CollectorProcess({**installation.settings, **reported}, folder / "collector.log")
            stack.callback(collector.stop)
            hook.wait_ready()
            collector.wait_ready()
            worker.wait_partitions(2)
            with live_traffic.flowing(topics.bootstrap, installation.calls, hook), _reported(collector):
                _wait_for_decisions(hook)
                yield Targets(worker.address, hook.address, collector.address.removeprefix("http://"))


@contextmanager
def _reported(collector: CollectorProcess) -> Iterator[None]:
    """Gateways report this and that to the collector while the block runs."""
    ended = threading.Event()

    def report() -> None:
        collector.post("/v1/litellm", b"{}", content_encoding="br")
        collector.post("/v1/calls", b'{"id": "reported-0"}')
        for number in count(1):
            call = {"id": f"reported-{number}", "ts": live_traffic.START_S, "client": "reported"}
            for _ in range(2):
                collector.post("/v1/calls", json.dumps(call).encode())
            collector.post("/v1/calls?event=request", json.dumps({**call, "id": f"half-{number}"}).encode())
            if ended.wait(0.1):
                return

    with ThreadPoolExecutor(1) as threads:
        reporting = threads.submit(report)
        try:
            yield
        finally:
            ended.set()
        reporting.result()


def _wait_for_decisions(hook: HookProcess) -> None:
    people = live_traffic.people()
    wait_until(lambda: hook.ask(people.blocked) == 403, "a client is blocked", 60)
    wait_until(lambda: hook.ask(people.throttled) == 429, "a throttled client is over its limit", 60)
    assert hook.ask(people.honest) == hook.ask(None) == 200


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
    addresses = {f"stream-detector-{name}": address for name, address in targets._asdict().items()}
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


@pytest.mark.parametrize("series", _HAPPENS)
def test_what_happens_is_counted(prometheus: Prometheus, series: str) -> None:
    wait_until(lambda: sum(prometheus.query(series)) > 0, series)


@pytest.mark.parametrize("alert", _SURE_ALERTS, ids=lambda alert: alert["alert"])
def test_nobody_is_called_while_all_is_well(prometheus: Prometheus, alert: dict[str, Any]) -> None:
    wait_until(lambda: prometheus.query("count(up == 1)") == [3.0], "worker, hook and collector scraped")
    assert prometheus.query(alert["expr"]) == []
