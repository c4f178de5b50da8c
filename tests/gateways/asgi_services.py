"""The example of deploy/gateways/asgi on a real server, in front of a model that answers calls and one that talks."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gateways.enforcing import EXTRA_KEYS, KEY_PREFIX, Caller, Program, with_extra_keys
from gateways.fronts import Reply
from gateways.openai_model import OpenAiModel
from gateways.realtime_model import RealtimeModel
from running.worker_process import environment
from servers.processes import free_port
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

_EXAMPLE = Path(__file__).parents[2] / "deploy" / "gateways" / "asgi" / "app.py"
SERVERS = {
    "uvicorn": ["-m", "uvicorn", "app:app"],
    "uvicorn without lifespan": ["-m", "uvicorn", "app:app", "--lifespan", "off"],
    "granian": ["-m", "granian", "app:app", "--interface", "asgi"],
}
_NEWCOMERS = iter(range(EXTRA_KEYS))


def newcomer() -> Caller:
    """Somebody about whom nothing was decided, in no test."""
    number = next(_NEWCOMERS)
    return Caller(f"key-of-{number}", str(number))


class AsgiService(Program):
    """A running service; clients can talk to it over WebSockets, too."""

    def __init__(self, *given: Any, server: str, port: int, realtime: RealtimeModel, **named: Any) -> None:  # noqa: ANN401 - of Program
        super().__init__(*given, port=port, **named)
        self.server, self.realtime = server, realtime
        self._realtime_url = f"ws://127.0.0.1:{port}/v1/realtime"

    def rest(self) -> None:
        super().rest()
        self.realtime.heard.clear()

    @contextmanager
    def talking(self, key: str, headers: Mapping[str, str] | None = None) -> Iterator[ClientConnection]:
        """An open WebSocket."""
        sent = {"authorization": f"Bearer {key}", **(headers or {})}
        with connect(self._realtime_url, additional_headers=sent, open_timeout=10, close_timeout=10) as client:
            yield client

    def shake(self, key: str) -> Reply:
        """The answer to a handshake; the socket is closed again."""
        try:
            with self.talking(key) as client:
                assert client.response
                return _reply(client.response)
        except InvalidStatus as refused:
            return _reply(refused.response)


class Starter:
    """Starts the service on a server."""

    def __init__(self, redis_url: str, folder: Path, resources: ExitStack) -> None:
        self._redis_url, self._folder, self._resources = redis_url, folder, resources

    def start(self, server: str = "uvicorn", failure: str = "open") -> AsgiService:
        folder = self._folder / f"{server} {failure}"
        folder.mkdir()
        model, realtime = self._resources.enter_context(OpenAiModel()), self._resources.enter_context(RealtimeModel())
        text = _EXAMPLE.read_text()
        text = text.replace("ws://127.0.0.1:8000", realtime.url).replace("127.0.0.1:8000", model.address)
        (folder / "app.py").write_text(with_extra_keys(text, "key-of-"))
        settings = {
            "redis": self._redis_url,
            "key_prefix": KEY_PREFIX,
            "hook_failure": failure,
            "hook_unidentified": "closed",
        }
        port = free_port()
        service = AsgiService(
            [sys.executable, *SERVERS[server], "--port", str(port)],
            environment(settings) | {"PYTHONPATH": str(folder)},
            server=server,
            port=port,
            realtime=realtime,
            redis_url=self._redis_url,
            model=model,
            folder=folder,
        )
        self._resources.callback(service.close)
        return service


def _reply(response: Any) -> Reply:  # noqa: ANN401 - of websockets
    return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.body)
