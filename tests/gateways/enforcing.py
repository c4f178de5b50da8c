"""A program that enforces decisions by itself, in front of a model, with a Redis that can be stopped."""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateways.fronts import Reply
from gateways.openai_model import OpenAiModel
from gateways.steps import call_until, decide
from msgspec import Struct
from servers.processes import ServerProcess, accepts_connections, wait_until

from stream_detector.domain.decisions import Action, Limit, Origin

EXTRA_KEYS = 100
KEY_PREFIX = "enforcing"
"""Of the keys in Redis."""


class Caller(Struct, frozen=True):
    """Somebody with an API key."""

    key: str
    client: str
    """The client id."""


_CALL = {"model": "m", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}


def with_extra_keys(text: str, key: str) -> str:
    """The example's file with keys of clients 0, 1, 2, ... added to its own; `key` is what the keys begin with."""
    added = text.replace('"carol"}', f'"carol"}} | {{f"{key}{{n}}": str(n) for n in range({EXTRA_KEYS})}}')
    assert added != text, "the example's keys look different now"
    return added


class Program:
    """A running program that serves `/v1/chat/completions`."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        port: int,
        redis_url: str,
        model: OpenAiModel,
        folder: Path,
    ) -> None:
        self.model, self._redis_url, self._port = model, redis_url, port
        self.log = folder / "program.log"
        self._process = ServerProcess(command, self.log, environment)
        self._process.wait_ready(lambda: accepts_connections(port), timeout_s=120.0)

    def decide(
        self,
        client: str,
        action: Action,
        *,
        limit: Limit | None = None,
        origin: Origin = Origin.ENGINE,
        mark: str = "",
    ) -> None:
        """Let a decision stand for an hour."""
        decide(self._redis_url, KEY_PREFIX, client, action, limit=limit, origin=origin, mark=mark)

    def call(self, key: str | None, headers: Mapping[str, str] | None = None, **body: object) -> Reply:
        """One call with an API key; None for a call without one."""
        with self.calling(key, headers, **body) as answer:
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    @contextmanager
    def calling(
        self, key: str | None, headers: Mapping[str, str] | None = None, **body: object
    ) -> Iterator[http.client.HTTPResponse]:
        """One call whose answer is still to be read."""
        fields = {"content-type": "application/json", **(headers or {})}
        if key is not None:
            fields["authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("POST", "/v1/chat/completions", body=json.dumps(_CALL | body).encode(), headers=fields)
            yield connection.getresponse()
        finally:
            connection.close()

    def until(self, key: str, status: int, within_s: float = 5.0) -> Reply:
        """Call until the status is this one."""
        return call_until(lambda: self.call(key), status, key, within_s)

    def limit_to_a_thousand(self, caller: Caller) -> None:
        """Throttle a client that stays within its limit, and wait until that shows."""
        self.decide(caller.client, Action.THROTTLE, limit=Limit(requests=1000, window_s=3600.0, burst=1000))
        wait_until(lambda: "ratelimit" in self.call(caller.key).headers, "the client is limited")

    def rest(self) -> None:
        """Make it as it was for the next test, but for the clients that have been decided about."""
        self.model.go_on.clear()
        self.model.heard.clear()

    def close(self) -> None:
        self._process.stop()
