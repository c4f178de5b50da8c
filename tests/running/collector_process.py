"""A collector as an operator runs it: `python -m stream_detector collector`, told things as gateways tell them."""

import gzip
import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from running.worker_process import environment
from servers.processes import ServerProcess, free_port


class Answer(NamedTuple):
    """One HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)


class CollectorProcess:
    """One process. The kernel kills it when the test run dies (Linux)."""

    def __init__(self, settings: Mapping[str, object], log: Path, port: int | None = None) -> None:
        port = port or free_port()
        certificate = settings.get("collector_tls_certificate")
        self.address = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        self._tls = ssl.create_default_context(cafile=str(certificate)) if certificate else None
        self.log = log
        command = [sys.executable, "-m", "stream_detector", "collector"]
        self._server = ServerProcess(command, log, environment({**settings, "collector_port": port}))

    @property
    def pid(self) -> int:
        return self._server.pid

    def wait_ready(self) -> None:
        """Wait until Kafka takes calls."""
        self._server.wait_ready(self.is_ready)

    def is_ready(self) -> bool:
        """Whether it says so."""
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    def post(self, path: str, body: bytes, *, packed: bool = False, **headers: str) -> Answer:
        """Post a body; in the names of headers `_` stands for `-`."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if packed:
            body, fields["content-encoding"] = gzip.compress(body), "gzip"
        fields.setdefault("content-type", "application/json")
        return self._ask(urllib.request.Request(f"{self.address}{path}", body, fields))  # noqa: S310 - ours

    def get(self, path: str) -> Answer:
        """Get a page."""
        return self._ask(urllib.request.Request(f"{self.address}{path}"))  # noqa: S310 - ours

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._server.stop(timeout_s=30)

    def kill(self) -> None:
        """SIGKILL, as kill -9."""
        self._server.kill()

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of this name that have these labels; 0 for none."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics").body.decode())
            for sample in family.samples
            if sample.name == f"stream_detector_collector_{name}" and labels.items() <= sample.labels.items()
        )

    def _ask(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:  # noqa: S310 - ours
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as refusal:
            return Answer(refusal.code, dict(refusal.headers), refusal.read())
