"""docker-compose.yml and what it mounts and builds, checked without a Docker engine."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream_detector.bootstrap.collector import _STOP_WITHIN_S
from stream_detector.bootstrap.topics import CALLS_PARTITIONS
from stream_detector.collector.bodies import _BODIES_AT_ONCE
from stream_detector.settings import PREFIX, Settings
from stream_detector.stream.runner import run_until_stopped

_ROOT = Path(__file__).parents[2]
_COMPOSE = _ROOT / "docker-compose.yml"
_DOCKERFILE = _ROOT / "deploy" / "docker" / "Dockerfile"
_SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(_COMPOSE.read_text())["services"]
_DETECTOR = ("topics", "worker", "hook", "collector")
_BYTES = {"m": 1 << 20, "g": 1 << 30}
_PROCESS_BYTES = 170 << 20  # of a collector that has nothing to do
_EVENT_BYTES = 1_000  # of an event that waits (docs/settings.md)
_PROFILE_BYTES = 14_500  # of a profile in memory (tests/unit/test_profile_memory.py)


def _service(name: str) -> dict[str, Any]:
    return _SERVICES[name]


def _bind_mounts(service: dict[str, Any]) -> list[tuple[Path, str]]:
    parts = [volume.split(":") for volume in service.get("volumes", [])]
    return [(_ROOT / source, mode[0] if mode else "rw") for source, _, *mode in parts if source.startswith(".")]


def _environment(name: str) -> dict[str, str]:
    """A service's variables, with the operator's own in place of the required ones."""
    environment = _service(name)["environment"]
    return {key: re.sub(r"\$\{\w+:\?[^}]*\}", "the-operators-own", value) for key, value in environment.items()}


def _memory_bytes(service: dict[str, Any]) -> int:
    limit = service["deploy"]["resources"]["limits"]["memory"]
    return int(limit[:-1]) * _BYTES[limit[-1]]


def test_compose_file_fits_the_compose_specification() -> None:
    tool = shutil.which("check-jsonschema", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert tool, "check-jsonschema ships the schema; run `make setup`"
    command = [tool, "--builtin-schema", "vendor.compose-spec", str(_COMPOSE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_all_parts_of_the_system_are_there() -> None:
    assert set(_SERVICES) == {"kafka", "redis", "topics", "worker", "hook", "collector", "prometheus", "grafana"}


@pytest.mark.parametrize("name", _SERVICES)
class TestEveryService:
    def test_has_an_image_of_one_exact_release(self, name: str) -> None:
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", _service(name)["image"])

    def test_has_limits_for_processor_and_memory(self, name: str) -> None:
        assert _service(name)["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}

    def test_is_started_again_after_a_fault(self, name: str) -> None:
        expected = "on-failure:5" if name == "topics" else "unless-stopped"
        assert _service(name)["restart"] == expected

    def test_is_published_on_the_loopback_interface_only(self, name: str) -> None:
        assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in _service(name).get("ports", []))

    def test_proves_its_health_unless_it_ends_by_itself(self, name: str) -> None:
        assert ("healthcheck" in _service(name)) == (name != "topics")

    def test_waits_for_what_it_needs_until_that_is_ready(self, name: str) -> None:
        for needed, how in _service(name).get("depends_on", {}).items():
            proves_health = "healthcheck" in _service(needed)
            assert how["condition"] == ("service_healthy" if proves_health else "service_completed_successfully")

    def test_keeps_a_bounded_log_and_gains_no_privileges(self, name: str) -> None:
        assert {"max-size", "max-file"} <= _service(name)["logging"]["options"].keys()
        assert "no-new-privileges:true" in _service(name)["security_opt"]

    def test_mounts_only_files_that_exist_and_cannot_change_them(self, name: str) -> None:
        for source, mode in _bind_mounts(_service(name)):
            assert source.exists(), source
            assert mode == "ro", source

    def test_names_only_volumes_that_are_declared(self, name: str) -> None:
        declared = yaml.safe_load(_COMPOSE.read_text())["volumes"]
        named = {volume.split(":")[0] for volume in _service(name).get("volumes", []) if not volume.startswith(".")}
        assert named <= set(declared)


@pytest.mark.parametrize("name", _DETECTOR)
class TestEveryContainerOfOurs:
    def test_uses_only_settings_that_exist_with_values_they_accept(self, name: str) -> None:
        assert all(variable.startswith(PREFIX) for variable in _environment(name))
        Settings.from_env(_environment(name))

    def test_runs_the_shared_image_with_its_own_command(self, name: str) -> None:
        assert _service(name)["command"] == [name]
        assert _ROOT / _service(name)["build"]["dockerfile"] == _DOCKERFILE

    def test_can_write_only_to_memory_and_has_no_capabilities(self, name: str) -> None:
        assert _service(name)["read_only"] is True
        assert _service(name)["tmpfs"] == ["/tmp"]  # noqa: S108 # the container's own
        assert _service(name)["cap_drop"] == ["ALL"]


def test_processes_listen_where_other_containers_reach_them() -> None:
    worker, hook, collector = (Settings.from_env(_environment(name)) for name in ("worker", "hook", "collector"))
    assert {worker.metrics_host, hook.hook_host, collector.collector_host} == {"0.0.0.0"}  # noqa: S104 # in a container
    for name, port in (("hook", hook.hook_port), ("collector", collector.collector_port)):
        assert _service(name)["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert f":{port}/healthz" in _service(name)["healthcheck"]["test"][-1]
    assert f":{worker.metrics_port}/metrics" in _service("worker")["healthcheck"]["test"][-1]


def test_worker_has_memory_for_all_profiles_that_it_may_hold() -> None:
    settings = Settings.from_env(_environment("worker"))
    assert CALLS_PARTITIONS * settings.max_profiles * _PROFILE_BYTES < 0.8 * _memory_bytes(_service("worker"))


def test_collector_has_memory_for_all_events_and_halves_that_may_wait() -> None:
    settings = Settings.from_env(_environment("collector"))
    bodies_bytes = _BODIES_AT_ONCE * settings.collector_max_body_bytes
    waiting_bytes = 2 * settings.collector_most_events * _EVENT_BYTES
    assert _PROCESS_BYTES + bodies_bytes + waiting_bytes < 0.8 * _memory_bytes(_service("collector"))


def test_collector_has_time_to_write_the_halves_that_wait() -> None:
    settings = Settings.from_env(_environment("collector"))
    write_s = 2 * settings.collector_kafka_timeout_s
    assert int(_service("collector")["stop_grace_period"].removesuffix("s")) > _STOP_WITHIN_S + write_s


def test_those_who_sketch_have_the_same_salt_and_strangers_cannot_post_events() -> None:
    salts = {_service(name)["environment"]["STREAM_DETECTOR_SKETCH_SALT"] for name in ("worker", "collector")}
    assert len(salts) == 1
    assert _service("collector")["environment"]["STREAM_DETECTOR_COLLECTOR_TOKEN"].startswith("${")


def test_worker_has_time_for_its_last_checkpoint() -> None:
    stopping = inspect.signature(run_until_stopped).parameters
    needed_s = stopping["grace_s"].default + stopping["leave_s"].default
    assert int(_service("worker")["stop_grace_period"].removesuffix("s")) > needed_s


def test_workers_can_be_scaled_because_nothing_of_theirs_is_unique() -> None:
    assert not {"ports", "container_name", "hostname"} & _service("worker").keys()


def test_grafana_lets_nobody_in_without_a_password_of_the_operators_choice() -> None:
    environment = _service("grafana")["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_ADMIN_PASSWORD:?")


def test_operator_gives_exactly_three_secrets_and_is_told_so_when_one_is_missing() -> None:
    required = re.findall(r"\$\{(\w+):\?set it in \.env [^}]+\}", _COMPOSE.read_text())
    secrets = {"STREAM_DETECTOR_SKETCH_SALT", "STREAM_DETECTOR_COLLECTOR_TOKEN", "GRAFANA_ADMIN_PASSWORD"}
    assert set(required) == secrets
    readme = (_ROOT / "deploy" / "README.md").read_text()
    assert {secret for secret in secrets if re.search(rf"^{secret}=", readme, re.MULTILINE)} == secrets
    assert _COMPOSE.read_text().count("$") == len(required)


def test_image_runs_as_a_user_without_rights_from_a_slim_base_without_pip() -> None:
    stages = re.split(r"^(?=FROM )", _DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]
    final = stages[-1]
    assert re.match(r"FROM python:3\.1[123]-slim", final)
    assert "pip uninstall" in final
    assert re.search(r"^USER [1-9]\d{3,}:[1-9]\d{3,}$", final, re.MULTILINE)
    assert final.index("USER") > final.index("RUN")


def test_image_installs_the_pinned_packages_of_what_it_runs_and_no_others() -> None:
    install = re.search(r"pip .* install (.*)$", _DOCKERFILE.read_text(), re.MULTILINE)
    assert install
    assert install[1] == '--constraint constraints.txt ".[worker,hook,collector]"'


def test_everything_that_the_image_copies_exists_and_is_not_ignored() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", _DOCKERFILE.read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    }
    ignore_file = Path(f"{_DOCKERFILE}.dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignore_file if line.startswith("!")}
    assert copied == kept
    assert "*" in ignore_file
    assert all((_ROOT / source).exists() for source in copied)
