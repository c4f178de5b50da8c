"""A hook as an operator runs it: `python -m stream_detector hook`, asked as a gateway asks it."""

import contextlib
import os
import signal
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from running.worker_process import environment
from servers.processes import ServerProcess, accepts_connections, free_port


class HookProcess:
    """One process. The kernel kills it when the test run dies (Linux)."""

    def __init__(self, settings: Mapping[str, object], log: Path) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self._grpc_port = int(str(settings.get("hook_grpc_port", 0)))
        self.grpc_address = f"127.0.0.1:{self._grpc_port}"
        certificate = settings.get("hook_tls_certificate")
        self._scheme = "https" if certificate else "http"
        self._tls = ssl.create_default_context(cafile=str(certificate)) if certificate else None
        self._header = str(settings.get("hook_client_header", "x-client-id"))
        command = [sys.executable, "-m", "stream_detector", "hook"]
        self._server = ServerProcess(command, log, environment({**settings, "hook_port": port}))

    @property
    def grpc_processes(self) -> set[int]:
        """Ids of those that answer by gRPC and run right now."""
        found = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text().split()
        return {int(pid) for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}

    def metrics(self) -> str:
        """What Prometheus gets."""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    @property
    def pid(self) -> int:
        return self._server.pid

    def wait_ready(self) -> None:
        """Wait until it has read the standing decisions, and its gRPC processes, too."""
        self._server.wait_ready(self._is_ready)

    def ask(self, client: str | None) -> int:
        """The status of its answer to a call of `client`; None for a call that does not say whose it is."""
        return self._get("/check/v1/chat/completions", {} if client is None else {self._header: client})

    def kill(self) -> None:
        """End at once, as a crash does."""
        self._server.kill()

    def freeze(self) -> None:
        """Answer nothing any more, without closing anything; nor do its gRPC processes."""
        os.killpg(self._server.pid, signal.SIGSTOP)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGCONT)
        self._server.stop()

    def _is_ready(self) -> bool:
        try:
            is_ready = self._get("/readyz", {}) == 200
            return is_ready and (not self._grpc_port or accepts_connections(self._grpc_port))
        except OSError:
            return False

    def _get(self, path: str, headers: Mapping[str, str]) -> int:
        request = urllib.request.Request(f"{self._scheme}://{self.address}{path}", headers=dict(headers))  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=5, context=self._tls) as answer:  # noqa: S310 - ours
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code
