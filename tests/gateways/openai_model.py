"""A model that speaks OpenAI's API: whole answers, and streams that pause until they are let go on."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from msgspec import Struct

_ID = "chatcmpl-of-the-model"
_USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


class Heard(Struct, frozen=True):
    """A call that reached the model; header names in lower case."""

    headers: dict[str, str]
    body: dict[str, Any]


class OpenAiModel:
    """Listens on a free port of the loopback interface while it is entered."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        """In order of arrival."""
        self.go_on = threading.Event()
        """Until it is set, a stream pauses after its first piece."""
        self.status = 200
        """Any other one is an error, and all that it answers."""
        self.failures = 0
        """So many of the next calls fail."""
        self.message: dict[str, Any] = {"role": "assistant", "content": "yes"}
        """Of its whole answers."""

    def __enter__(self) -> Self:
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
                model.heard.append(Heard({name.lower(): value for name, value in self.headers.items()}, body))
                if model.failures > 0:
                    model.failures -= 1
                    self._send(500, {"error": {"message": "not yet", "type": "error", "code": None}})
                elif model.status != 200:
                    self._send(model.status, {"error": {"message": "not now", "type": "error", "code": None}})
                elif body.get("stream"):
                    self._stream()
                else:
                    self._send(200, _answer(model.message))

            def _stream(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for piece in ("first", "last"):
                    self.wfile.write(b"data: %s\n\n" % json.dumps(_piece(piece)).encode())
                    self.wfile.flush()
                    assert model.go_on.wait(30), "nobody let the stream go on"
                self.wfile.write(b"data: [DONE]\n\n")
                self.close_connection = True

            def _send(self, status: int, answer: dict[str, Any]) -> None:
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


def _answer(message: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {
        "id": _ID,
        "object": "chat.completion",
        "created": 1767571200,
        "model": "m",
        "choices": [choice],
        "usage": _USAGE,
    }


def _piece(text: str) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    last = text == "last"
    return {
        "id": _ID,
        "object": "chat.completion.chunk",
        "created": 1767571200,
        "model": "m",
        "choices": [choice | {"finish_reason": "stop"} if last else choice],
        "usage": _USAGE if last else None,
    }
