"""The hook with a certificate, on both ports."""

import asyncio
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from gateways.asking import hear
from gateways.envoy_questions import about
from msgspec import Struct
from running.hook_process import HookProcess
from running.worker_process import environment
from servers.processes import free_port

from stream_detector.domain.errors import ConfigError
from stream_detector.serving.tls import Tls

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes certificates, is missing")


class Pair(Struct, frozen=True):
    """A certificate of 127.0.0.1 that vouches for itself, and its key."""

    certificate: Path
    key: Path


def make_pair(folder: Path, name: str) -> Pair:
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    whom = ("-subj", "/CN=hook", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-out", str(pair.certificate), "-keyout", str(pair.key))
    subprocess.run(["openssl", "req", *kind, *whom, *files], check=True, capture_output=True)
    return pair


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path, "hook")


def test_with_a_certificate_both_ports_speak_tls_and_nothing_else(redis_url: str, pair: Pair, tmp_path: Path) -> None:
    settings = {
        "redis": redis_url,
        "hook_grpc_port": free_port(),
        "hook_tls_certificate": pair.certificate,
        "hook_tls_key": pair.key,
    }
    hook = HookProcess(settings, tmp_path / "hook.log")
    try:
        hook.wait_ready()
        assert hook.ask("alice") == 200
        credentials = grpc.ssl_channel_credentials(pair.certificate.read_bytes())
        with grpc.secure_channel(hook.grpc_address, credentials) as channel:
            answer = AuthorizationStub(channel).Check(about("alice"), timeout=10, wait_for_ready=True)
        assert answer.HasField("ok_response")

        port = int(hook.address.rpartition(":")[2])
        assert b"HTTP" not in asyncio.run(hear(port, b"GET /readyz HTTP/1.1\r\nhost: hook\r\n\r\n"))
        with grpc.insecure_channel(hook.grpc_address) as channel, pytest.raises(grpc.RpcError):
            AuthorizationStub(channel).Check(about("alice"), timeout=5)
    finally:
        hook.close()


def test_a_client_that_does_not_trust_the_certificate_is_not_answered(
    redis_url: str, pair: Pair, tmp_path: Path
) -> None:
    settings = {"redis": redis_url, "hook_tls_certificate": pair.certificate, "hook_tls_key": pair.key}
    hook = HookProcess(settings, tmp_path / "hook.log")
    try:
        hook.wait_ready()
        with pytest.raises(urllib.error.URLError) as refused:
            urllib.request.urlopen(f"https://{hook.address}/readyz", timeout=5)
        assert isinstance(refused.value.reason, ssl.SSLCertVerificationError)
    finally:
        hook.close()


def test_a_key_of_another_certificate_is_one_line_for_the_operator(pair: Pair, tmp_path: Path) -> None:
    other = make_pair(tmp_path, "other")
    settings = {"hook_tls_certificate": pair.certificate, "hook_tls_key": other.key, "hook_grpc_port": free_port()}
    ended = subprocess.run(
        [sys.executable, "-m", "stream_detector", "hook"],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "STREAM_DETECTOR_HOOK_TLS_CERTIFICATE, STREAM_DETECTOR_HOOK_TLS_KEY" in line
    assert "cannot be used" in line


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(pair: Pair, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-in", str(pair.key), "-aes256", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(ConfigError, match="without a password"):
        Tls(pair.certificate, locked, "the settings")


def test_a_missing_file_is_named(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the settings: .*nowhere\.pem"):
        Tls(tmp_path / "nowhere.pem", pair.key, "the settings")
