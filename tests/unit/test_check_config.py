"""What `check-config` finds without a network: all that would stop a process when it starts, in the same words."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from commands.outcome import Run
from running.worker_process import started_in_vain
from servers.certificates import make_pair, needs_openssl


def names(folder: Path) -> Path:
    path = folder / "names.toml"
    path.write_text("k_0123 = 7\n")
    return path


def mixed(folder: Path, whose: str) -> dict[str, object]:
    """A certificate, and the key of another one."""
    one, other = make_pair(folder, "one"), make_pair(folder, "other")
    return {f"{whose}_tls_certificate": one.certificate, f"{whose}_tls_key": other.key}


Settings = Mapping[str, object]
HASHED = {"identity": "key"}
CASES: dict[str, tuple[str, Callable[[Path], Settings], str]] = {
    "Redis at no port": ("hook", lambda _: {"redis": "redis://me:hunter2@h:port/0"}, "redis: not a Redis URL"),
    "Redis at a port too high": ("hook", lambda _: {"redis": "redis://h:99999/0"}, "redis: not a Redis URL"),
    "Redis at no host": ("hook", lambda _: {"redis": "redis://[bad/0"}, "redis: not a Redis URL"),
    "Redis with an option of others": ("hook", lambda _: {"redis": "redis://h/0?speed=1"}, "redis: not a Redis URL"),
    "no names": ("hook", lambda _: {"identity_names": "/no/names.toml"}, "STREAM_DETECTOR_IDENTITY_NAMES: '/no/"),
    "names that are none": ("hook", lambda tmp: {"identity_names": names(tmp)}, "STREAM_DETECTOR_IDENTITY_NAMES: "),
    "no salt": ("hook", lambda _: HASHED, "identity: key needs a salt of at least 16 bytes, got 0"),
    "a salt to guess": ("hook", lambda _: HASHED | {"identity_salt": "x"}, "STREAM_DETECTOR_IDENTITY_SALT: must be of"),
    "no certificate of the hook": (
        "hook",
        lambda _: {"hook_tls_certificate": "/no/hook.pem", "hook_tls_key": "/no/hook.key"},
        "STREAM_DETECTOR_HOOK_TLS_CERTIFICATE, STREAM_DETECTOR_HOOK_TLS_KEY: /no/hook.pem and /no/hook.key cannot",
    ),
    "no certificate of the collector": (
        "collector",
        lambda _: {"collector_tls_certificate": "/no/c.pem", "collector_tls_key": "/no/c.key", "sketch_salt": "a" * 16},
        "STREAM_DETECTOR_COLLECTOR_TLS_CERTIFICATE, STREAM_DETECTOR_COLLECTOR_TLS_KEY: /no/c.pem and /no/c.key cannot",
    ),
    "no collector": ("hook", lambda _: {"hook_calls_to": "http://[bad/"}, "STREAM_DETECTOR_HOOK_CALLS_TO: must be the"),
    "one port for two": (
        "hook",
        lambda _: {"hook_port": 7000, "hook_grpc_port": 7000},
        "STREAM_DETECTOR_HOOK_PORT, STREAM_DETECTOR_HOOK_GRPC_PORT: must be two different ports, got 7000 twice",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_stops_a_start_is_found_in_the_same_words(run: Run, tmp_path: Path, case: str) -> None:
    command, settings_in, expected = CASES[case]
    settings = settings_in(tmp_path)
    complaint = run("check-config", **{name: str(value) for name, value in settings.items()}).complaint()
    assert complaint.startswith(expected)
    assert "hunter2" not in complaint
    started = started_in_vain(command, settings)
    assert (started.returncode, started.stderr) == (2, f"stream-detector: {complaint}\n")


@needs_openssl
@pytest.mark.parametrize("whose", ["hook", "collector"])
def test_a_key_of_another_certificate_is_found(run: Run, tmp_path: Path, whose: str) -> None:
    complaint = run("check-config", **{name: str(path) for name, path in mixed(tmp_path, whose).items()}).complaint()
    assert complaint.startswith(f"STREAM_DETECTOR_{whose.upper()}_TLS_CERTIFICATE, ")
    assert "one.pem and " in complaint


def test_the_address_that_litellm_reports_to_is_looked_at(run: Run) -> None:
    complaint = run("check-config", calls_to="http://me:hunter2@collector:9110").complaint()
    assert complaint.startswith("STREAM_DETECTOR_CALLS_TO: must be the address of a collector")
    assert "hunter2" not in complaint


@needs_openssl
def test_settings_that_fit_are_valid_though_nobody_answers(run: Run, tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "fits")
    listed = tmp_path / "names.toml"
    listed.write_text('k_0123 = "acme"\n')
    outcome = run(
        "check-config",
        redis="rediss://me:secret@127.0.0.1:1/0?cluster=true",
        kafka="127.0.0.1:1",
        identity="certificate",
        identity_salt="0123456789abcdef",
        identity_names=str(listed),
        hook_calls_to="http://127.0.0.1:1",
        hook_tls_certificate=str(pair.certificate),
        hook_tls_key=str(pair.key),
        collector_tls_certificate=str(pair.certificate),
        collector_tls_key=str(pair.key),
    )
    assert (outcome.code, outcome.err) == (0, "")
