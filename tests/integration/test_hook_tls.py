"""The hook with a certificate, on both ports."""

import asyncio
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import msgspec
import pytest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from gateways.asking import hear
from gateways.envoy_questions import about
from gateways.fronts import KINDS, Kind
from gateways.installations import Installation
from running.hook_process import HookProcess
from running.worker_process import started_in_vain
from servers.certificates import Pair, make_pair, needs_openssl
from servers.processes import free_port
from servers.redis_server import RedisServer

from stream_detector.domain.decisions import Action
from stream_detector.domain.errors import ConfigError
from stream_detector.serving.tls import Tls

pytestmark = needs_openssl


PAGE = Path(__file__).parents[2] / "docs" / "gateways.md"
CERTIFICATE = "/etc/ssl/hook.pem"
"""On the page."""
_ENVOY = """\
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          validation_context:
            trusted_ca: {filename: /etc/ssl/hook.pem}
            match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: hook.internal}}]
"""
_NGINX = """\
        proxy_pass https://stream_detector_hook/check-nginx;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/hook.pem;
        proxy_ssl_name hook.internal;
"""
_CADDY = """\
\t\t\ttls_trusted_ca_certs /etc/ssl/hook.pem
\t\t\ttls_server_name hook.internal
"""
_HOOKS_CLUSTER = "  - name: stream_detector_hook\n    type: STATIC\n"
LINES = {
    "envoy": ((_HOOKS_CLUSTER, _HOOKS_CLUSTER + _ENVOY),),
    "envoy-grpc": ((_HOOKS_CLUSTER, _HOOKS_CLUSTER + _ENVOY),),
    "nginx": (("        proxy_pass http://stream_detector_hook/check-nginx;\n", _NGINX),),
    "haproxy": (
        ("global\n", "global\n    httpclient.ssl.ca-file /etc/ssl/hook.pem\n"),
        ('local HOOK = "http://', 'local HOOK = "https://'),
        ("local headers = {\n", 'local headers = {\n        ["host"] = { "hook.internal" },\n'),
    ),
    "caddy": (("\t\ttransport http {\n", "\t\ttransport http {\n" + _CADDY),),
}
"""What has to be written into the file of each gateway instead of what."""


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path, "hook")


@pytest.fixture(params=KINDS, ids=lambda kind: str(kind.name))
def kind(request: pytest.FixtureRequest, pair: Pair) -> Kind:
    """A gateway that asks over TLS, and its hook."""
    found: Kind = request.param
    if found.program() is None:
        pytest.skip(f"{found.name} is not installed; run `make servers`")
    changes = tuple((old, new.replace(CERTIFICATE, str(pair.certificate))) for old, new in LINES[found.name])
    settings = {"hook_tls_certificate": pair.certificate, "hook_tls_key": pair.key}
    return msgspec.structs.replace(found, changes=changes, hook_settings={**found.hook_settings, **settings})


@pytest.fixture
def installation(kind: Kind, private_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    with Installation(kind, private_redis, tmp_path, fails_open=False) as started:
        yield started


def test_gateways_ask_over_tls_with_the_lines_on_the_page(installation: Installation, kind: Kind) -> None:
    page = PAGE.read_text()
    for old, new in LINES[kind.name]:
        assert [line for line in new.replace(old, "").splitlines() if line.strip() not in page] == []
    installation.decide("alice", Action.BLOCK)
    installation.until("alice", 403)
    assert installation.call("bob").status == 200


def test_gateways_do_not_believe_a_hook_with_a_certificate_of_others(
    installation: Installation, pair: Pair, tmp_path: Path
) -> None:
    other = make_pair(tmp_path, "other")
    pair.certificate.write_bytes(other.certificate.read_bytes())
    stranger = installation.another_front("stranger")
    installation.model.seen.clear()
    assert stranger.call("key-of-alice").status in {502, 503}
    assert installation.model.seen == []


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
    ended = started_in_vain("hook", settings)
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
