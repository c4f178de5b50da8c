"""A collector that writes down what it is sent, and takes it only when it is told to."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from stream_detector.domain.calls import ApiCall
from stream_detector.wire import calls


class ListeningCollector:
    """Listens on a free port of the loopback interface while it is entered."""

    token = "a-token-of-sixteen-or-more"  # noqa: S105 - of this test

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        """Everything it was sent, taken or not."""
        self.status = 200
        """What it answers; it takes calls only with 200."""
        self._taken: list[ApiCall] = []

    def of(self, client: str, *, since_s: float = 0.0) -> list[ApiCall]:
        """The calls of one client that it took and that began later than this, in the order in which they began."""
        return sorted((call for call in self._taken if call.client == client and call.ts >= since_s), key=_start)

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = collector.status
                path = self.path.removesuffix("?event=request")
                if (path, self.headers["authorization"]) != ("/v1/calls", f"Bearer {collector.token}"):
                    status = 401
                collector.bodies.append(body)
                if status == 200:
                    for line in body.splitlines():
                        collector._taken += calls.decode(line, max_bytes=1 << 20).calls
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _start(call: ApiCall) -> float:
    return call.ts
