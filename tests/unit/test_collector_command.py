"""The collector as a command: what stops its start is one line."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from running.worker_process import environment


def _run(command: str, settings: Mapping[str, object]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "stream_detector", command],
        env=environment({"kafka": "127.0.0.1:1", **settings}),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["collector", "check-config"])
def test_a_mapping_file_that_is_not_there_stops_the_start(command: str) -> None:
    code, said = _run(command, {"collector_mapping": "/nowhere.toml"})
    assert (code, said.count("\n")) == (2, 1)
    assert "STREAM_DETECTOR_COLLECTOR_MAPPING: '/nowhere.toml' cannot be read" in said


@pytest.mark.parametrize("command", ["collector", "check-config"])
def test_a_wrong_mapping_file_stops_the_start(command: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text('[fields]\nts = "a"\nclient = "b"\nstat = "c"\n')
    code, said = _run(command, {"collector_mapping": path})
    assert (code, said.count("\n")) == (2, 1)
    assert f"{path}: fields.stat: no such field" in said


@pytest.mark.parametrize("command", ["collector", "check-config"])
def test_topics_that_are_not_understood_stop_the_start(command: str) -> None:
    code, said = _run(command, {"collector_topics": "otlp_spans=otlp_proto"})
    assert (code, said.count("\n")) == (2, 1)
    assert "STREAM_DETECTOR_COLLECTOR_TOPICS: 'otlp_spans=otlp_proto': the format must be one of calls, envoy," in said


def test_an_address_that_is_not_of_this_machine_stops_the_start() -> None:
    settings = {
        "collector_host": "192.0.2.1",
        "collector_token": "0123456789abcdef",
        "sketch_salt": "a salt of this test",
    }
    code, said = _run("collector", settings)
    assert code == 2
    assert "collector_host, collector_port: cannot listen on 192.0.2.1:9110" in said
