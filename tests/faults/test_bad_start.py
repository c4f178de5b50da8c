"""A worker or hook that cannot start says why in one line, names what to change, and ends with exit code 2."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient
from running.installation import Installation, installed
from running.worker_process import environment
from servers.kafka_topics import KafkaTopics, Sent
from servers.processes import free_port, wait_until

BAD_POLICIES = Path(__file__).parent.parent / "config" / "bad_policies"
NOBODY = "127.0.0.1:1"


def refusal(command: str, **settings: object) -> str:
    """The one line that a process leaves behind which is not to start."""
    result = subprocess.run(
        [sys.executable, "-m", "stream_detector", command],
        check=False,
        capture_output=True,
        text=True,
        env=environment(settings),
        timeout=60,
    )
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    return line


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("command", "setting", "value", "expected"),
    [
        ("worker", "checkpoint_s", "0", "STREAM_DETECTOR_CHECKPOINT_S: must be > 0 and <= 31536000, got '0'"),
        ("worker", "transport", "pigeon", "STREAM_DETECTOR_TRANSPORT: must be one of chunked, stock, got 'pigeon'"),
        ("worker", "chekpoint_s", "1", "STREAM_DETECTOR_CHEKPOINT_S: no such setting; docs/settings.md lists them"),
        ("hook", "hook_port", "70000", "STREAM_DETECTOR_HOOK_PORT: must be >= 0 and <= 65535, got '70000'"),
        ("hook", "hook_failure", "ajar", "STREAM_DETECTOR_HOOK_FAILURE: must be one of open, closed, got 'ajar'"),
    ],
)
def test_a_bad_setting_stops_the_start(command: str, setting: str, value: str, expected: str) -> None:
    assert refusal(command, **{setting: value}) == f"stream-detector: {expected}"


def test_a_bad_policy_stops_the_start_of_a_worker() -> None:
    path = min(BAD_POLICIES.glob("*.toml"))
    expected = path.read_text("utf-8").splitlines()[0].removeprefix("# expect: ")
    line = refusal("worker", policy=path)
    assert line.startswith(f"stream-detector: {path}: ")
    assert expected in line.replace("[", ".").replace("]", "")


def test_a_missing_policy_stops_the_start_of_a_worker() -> None:
    line = refusal("worker", policy="/nowhere/policy.toml")
    assert line == (
        "stream-detector: STREAM_DETECTOR_POLICY: '/nowhere/policy.toml' cannot be read: No such file or directory; "
        "name a readable TOML file"
    )


def test_an_unreachable_kafka_stops_the_start_of_a_worker() -> None:
    line = refusal("worker", kafka=NOBODY)
    assert line == f"stream-detector: kafka: no broker answers at {NOBODY}; start it, or set STREAM_DETECTOR_KAFKA"


def test_a_taken_metrics_port_stops_the_start_of_a_worker(kafka: str, redis_url: str, taken_port: int) -> None:
    line = refusal("worker", kafka=kafka, redis=redis_url, metrics_port=taken_port)
    assert line == (
        f"stream-detector: STREAM_DETECTOR_METRICS_PORT: cannot listen on 127.0.0.1:{taken_port} "
        "(Address already in use); choose a free port"
    )


def test_a_taken_port_stops_the_start_of_a_hook(taken_port: int) -> None:
    line = refusal("hook", hook_port=taken_port)
    assert "hook_port: " in line
    assert f"127.0.0.1:{taken_port}" in line
    assert "Address already in use" in line
    assert "choose a free port" in line


@pytest.fixture
def installation(kafka_topics: KafkaTopics, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installed(kafka_topics, redis_url, tmp_path) as installation:
        yield installation


def test_a_topic_made_anew_under_an_old_checkpoint_ends_the_worker(installation: Installation) -> None:
    installation.create_calls(1)
    installation.produce([Sent(b"a", b"not a call")] * 10)
    before = installation.start()
    installation.wait_all_saved()
    assert before.stop() == 0
    _make_anew(installation)
    installation.produce([Sent(b"a", b"not a call")] * 3)
    worker = installation.start(metrics_port=free_port())
    assert worker.exit_code() == 2
    lines = worker.output().splitlines()
    assert lines[-1] == (
        "stream-detector: partition 0: the checkpoint includes offset 9, but the topic ends at 3: it was made anew; "
        "start the workers with another STREAM_DETECTOR_KEY_PREFIX"
    )
    tracebacks = [json.loads(line).get("exception", "") for line in lines[:-1]]
    assert [text for text in tracebacks if "ConfigError" in text] == []
    assert installation.saved() == {0: 10}


def _make_anew(installation: Installation) -> None:
    """Delete the calls topic and make an empty one of the same name."""
    with closing(KafkaAdminClient(bootstrap_servers=installation.topics.bootstrap)) as admin:
        admin.delete_topics([installation.calls])
        wait_until(lambda: installation.calls not in admin.list_topics(), "the topic's end")
        topic = {"num_partitions": 1, "replication_factor": 1}
        admin.create_topics({installation.calls: topic}, wait_for_metadata=True)
