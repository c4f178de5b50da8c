"""Every file below deploy/ can be read by what it is written for, and what is said twice is said alike."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import yaml
from servers.processes import ServerProcess
from servers.redis_server import redis_binary

from stream_detector.settings import Settings

_DEPLOY = Path(__file__).parents[2] / "deploy"
_FILES = sorted(path for path in _DEPLOY.rglob("*") if path.is_file())
_SETTINGS = Settings()


def _properties(text: str) -> dict[str, str]:
    properties: dict[str, str] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            assert re.fullmatch(r"[a-z.]+", key), line
            assert key not in properties, line
            properties[key] = value
    return properties


_PARSERS: dict[str, Callable[[str], object]] = {
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
    ".json": json.loads,
    ".properties": _properties,
}


@pytest.mark.parametrize("path", [path for path in _FILES if path.suffix in _PARSERS], ids=lambda path: path.name)
def test_file_can_be_parsed_and_is_not_empty(path: Path) -> None:
    assert _PARSERS[path.suffix](path.read_text())


def _broker() -> dict[str, str]:
    return _properties((_DEPLOY / "kafka" / "server.properties").read_text())


def test_broker_accepts_what_the_worker_accepts() -> None:
    assert int(_broker()["message.max.bytes"]) > _SETTINGS.max_record_bytes
    assert int(_broker()["log.retention.hours"]) * 3600 == _SETTINGS.max_past_s


def test_broker_makes_no_topic_that_nobody_asked_for() -> None:
    assert _broker()["auto.create.topics.enable"] == "false"


def test_broker_has_a_protocol_for_each_listener_and_advertises_those_of_clients() -> None:
    broker = _broker()
    listeners = {entry.split("://")[0] for entry in broker["listeners"].split(",")}
    protocols = {entry.split(":")[0] for entry in broker["listener.security.protocol.map"].split(",")}
    advertised = dict(entry.split("://") for entry in broker["advertised.listeners"].split(","))
    assert listeners == protocols == advertised.keys() | {broker["controller.listener.names"]}
    assert advertised == {"INTERNAL": "kafka:9092", "EXTERNAL": "localhost:9094"}


def test_redis_keeps_everything_that_it_was_given(tmp_path: Path) -> None:
    binary = redis_binary()
    if not binary:
        pytest.skip("no Redis to read redis.conf; run `make servers`")
    socket = tmp_path / "redis.sock"
    overrides = ["--port", "0", "--bind", "", "--unixsocket", str(socket), "--dir", str(tmp_path)]
    server = ServerProcess([binary, str(_DEPLOY / "redis" / "redis.conf"), *overrides], tmp_path / "redis.log")
    try:
        server.wait_ready(socket.exists)
        with redis.Redis(unix_socket_path=str(socket)) as client:
            effective = client.config_get("maxmemory", "maxmemory-policy", "appendonly", "appendfsync")
    finally:
        server.stop()
    assert effective == {
        "maxmemory": str(1 << 30),
        "maxmemory-policy": "noeviction",  # evicting would lose evidence and decisions
        "appendonly": "yes",
        "appendfsync": "everysec",
    }
