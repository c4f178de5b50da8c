"""A gateway with everything that it needs: a real hook, a real Redis, and a model behind it."""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from gateways.fronts import Front, Kind, Reply
from gateways.model import Model
from gateways.steps import call_until, decide
from running.hook_process import HookProcess
from servers.processes import free_port, wait_until
from servers.redis_server import RedisServer

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action, Limit, Origin, Subject, SubjectKind
from stream_detector.domain.limits import Ended, Use

KEYS = {"alice": "key-of-alice", "bob": "key-of-bob", "carol": "key-of-carol"}


class Installation:
    """A gateway, its hook and their Redis, in front of a model."""

    def __init__(self, kind: Kind, redis: RedisServer, folder: Path, *, fails_open: bool = True) -> None:
        self._kind, self._redis, self._folder, self._fails_open = kind, redis, folder, fails_open
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        failure = "open" if self._fails_open else "closed"
        self.model = self._resources.enter_context(Model())
        self._hook_settings: dict[str, object] = {
            "redis": self._redis.url,
            "hook_failure": failure,
            "hook_unidentified": "closed",
            "hook_grpc_port": free_port() if self._kind.asks_by_grpc else 0,
            **self._kind.hook_settings,
        }
        self.start_hook()
        self.front = self.another_front("files")
        wait_until(lambda: self.call("carol").status == 200, "the gateway reaches hook and model")
        self.model.seen.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def start_hook(self) -> None:
        """Start the hook; anew, if it was killed."""
        self.hook = HookProcess(self._hook_settings, self._folder / "hook.log")
        self._resources.callback(self.hook.close)
        self.hook.wait_ready()

    def another_front(self, name: str) -> Front:
        """A gateway with its files in the folder of this name; the first one is `front`."""
        files = self._folder / name
        files.mkdir()
        started = Front(
            self._kind,
            files,
            hook=self.hook.grpc_address if self._kind.asks_by_grpc else self.hook.address,
            model=f"127.0.0.1:{self.model.port}",
            fails_open=self._fails_open,
        )
        self._resources.callback(started.close)
        return started

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
        decide(self._redis.url, "sd", client, action, limit=limit, origin=origin, mark=mark)

    def settles(self, client: str, call: str, limit: Limit) -> bool:
        """Settle a call as a worker does; whether it was open."""
        ended = Ended(Subject(SubjectKind.CLIENT, client), limit, Use(call, 1, 1))

        async def settle() -> bool:
            async with RedisStores(self._redis.url, prefix="sd", profile_ttl_s=3600.0) as stores:
                return (await stores.limiter.settle_all([ended], time.time())) == [True]

        return asyncio.run(settle())

    def call(self, client: str | None, **headers: str) -> Reply:
        """One call with the key of a client."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.front.call(None if client is None else KEYS[client], named)

    def until(self, client: str, status: int, within_s: float = 5.0) -> Reply:
        """Call until the status is this one."""
        return call_until(lambda: self.call(client), status, client, within_s)
