"""What the demo reads from the topics and from the processes' metrics."""

import ast
import re
from typing import Any

import pytest
from demos.ledgers import ledger_of_a_caught_campaign

from stream_detector.demo.system import System
from stream_detector.demo.up import help_text
from stream_detector.demo.watch import Metrics, Watch
from stream_detector.settings import Settings

_TEXT = """\
# HELP stream_detector_calls_total Calls observed.
# TYPE stream_detector_calls_total counter
stream_detector_calls_total 7.0
# HELP stream_detector_decisions_total Decisions made.
# TYPE stream_detector_decisions_total counter
stream_detector_decisions_total{action="throttle",mode="enforce",reason="coverage"} 2.0
stream_detector_decisions_total{action="block",mode="enforce",reason="coverage"} 1.0
"""


def test_totals_sum_over_all_labels() -> None:
    metrics = Metrics(_TEXT)
    assert metrics.total("stream_detector_calls_total") == 7
    assert metrics.total("stream_detector_decisions_total") == 3
    assert metrics.total("stream_detector_unheard_of_total") == 0


def test_samples_are_told_apart_by_their_labels() -> None:
    assert Metrics(_TEXT).by_labels("stream_detector_decisions_total", "action", "mode") == {
        ("throttle", "enforce"): 2.0,
        ("block", "enforce"): 1.0,
    }


@pytest.mark.parametrize(
    ("change", "has_everything"),
    [
        ({}, True),
        ({"sent": 9}, False),
        ({"decisions": []}, False),
        ({"observed": 7}, False),
    ],
)
def test_the_demo_ends_when_calls_and_decisions_are_all_accounted_for(
    change: dict[str, Any], *, has_everything: bool
) -> None:
    ledger = ledger_of_a_caught_campaign()
    for name, value in change.items():
        setattr(ledger, name, value)
    watch = Watch(None, "api-calls.dead", ledger)
    watch.worker = Metrics(_TEXT)
    assert watch.has_everything() is has_everything


def test_the_commands_to_paste_name_the_running_system() -> None:
    system = System(Settings(kafka="127.0.0.1:4711", hook_port=4712, metrics_port=4713, topic_calls="calls"))
    text = help_text(system, "/opt/python")
    assert f"STREAM_DETECTOR_KAFKA={system.settings.kafka} /opt/python -m stream_detector collector\n" in text
    (script,) = re.findall(r"(?s)/opt/python - <<'END'\n(.*)\nEND\n", text)
    ast.parse(script)
    assert 'bootstrap_servers="127.0.0.1:4711"' in script
    assert 'producer.send("calls"' in script
    assert "curl -i -H 'x-client-id: alice' http://127.0.0.1:4712/check" in text
    assert "curl -s http://127.0.0.1:4713/metrics" in text
    assert "forget it when they stop" in text
