"""The collector with a certificate, on both ports."""

import asyncio
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from envoy.service.accesslog.v3.als_pb2_grpc import AccessLogServiceStub
from gateways.asking import hear
from reports import samples
from running.collecting import installed
from running.worker_process import started_in_vain
from servers.certificates import make_pair, needs_openssl
from servers.kafka_topics import KafkaTopics
from servers.processes import accepts_connections, free_port, wait_until

pytestmark = needs_openssl


def _entry() -> StreamAccessLogsMessage:
    message = StreamAccessLogsMessage()
    entry = message.http_logs.log_entry.add()
    entry.common_properties.start_time.FromSeconds(int(time.time()))
    entry.request.request_id = "streamed"
    entry.request.request_headers["x-client-id"] = "acct-7"
    return message


def test_with_a_certificate_both_ports_speak_tls_and_nothing_else(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    pair, grpc_port = make_pair(tmp_path, "collector"), free_port()
    settings = {
        "collector_grpc_port": grpc_port,
        "collector_tls_certificate": pair.certificate,
        "collector_tls_key": pair.key,
    }
    with installed(kafka_topics, tmp_path, **settings) as installation:
        collector, address = installation.collector, f"127.0.0.1:{grpc_port}"
        assert collector.post("/v1/calls", samples.as_json(samples.call(1))).status == 200
        wait_until(lambda: accepts_connections(grpc_port), "it listens to Envoy")
        credentials = grpc.ssl_channel_credentials(pair.certificate.read_bytes())
        with grpc.secure_channel(address, credentials) as channel:
            AccessLogServiceStub(channel).StreamAccessLogs(iter([_entry()]), timeout=20, wait_for_ready=True)
        assert {call.id for call in installation.calls()} == {"req-1", "streamed"}

        port = int(collector.address.rpartition(":")[2])
        assert b"HTTP" not in asyncio.run(hear(port, b"GET /readyz HTTP/1.1\r\nhost: collector\r\n\r\n"))
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError):
            AccessLogServiceStub(channel).StreamAccessLogs(iter([_entry()]), timeout=5)
        with pytest.raises(urllib.error.URLError) as refused:
            urllib.request.urlopen(f"https://127.0.0.1:{port}/readyz", timeout=5)
        assert isinstance(refused.value.reason, ssl.SSLCertVerificationError)


def test_files_that_are_no_certificate_are_one_line_for_the_operator(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("")
    settings = {"collector_tls_certificate": nothing, "collector_tls_key": nothing}
    ended = started_in_vain("collector", settings)
    assert ended.returncode == 2
    line = ended.stderr.splitlines()[-1]
    assert "STREAM_DETECTOR_COLLECTOR_TLS_CERTIFICATE, STREAM_DETECTOR_COLLECTOR_TLS_KEY" in line
    assert "cannot be used" in line
