"""A model that talks over a WebSocket: it says every text back."""

import contextlib
import threading
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.sync.server import ServerConnection, serve

BYE = "bye"
"""After this the model leaves."""


class RealtimeModel:
    """Listens on a free port of the loopback interface while it is entered."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        """Headers of the handshakes that reached it, names in lower case, in order of arrival."""

    def __enter__(self) -> Self:
        self._server = serve(_talk, "127.0.0.1", 0, process_request=self._hear)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _hear(self, _connection: ServerConnection, request: Request) -> None:
        self.heard.append({name.lower(): value for name, value in request.headers.items()})


def _talk(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        for text in connection:
            if text == BYE:
                return
            connection.send(text)
