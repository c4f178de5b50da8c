"""The way to Redis: one client, commands sent alone or together, every error translated.

Scripts are sent as text (EVAL), not by hash: Redis compiles a text only once anyway, a round trip takes the same time
(measured: 0.1 ms both), pipelines of a cluster client accept it, and there is no hash for Redis to forget.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from typing import Any

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.client import PubSub

from stream_detector.domain.errors import StoreUnavailable

Command = tuple[Any, ...]
"""Name and arguments of one Redis command."""

_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationError, "put the right user and password into the Redis URL"),
    (exceptions.NoPermissionError, "grant this user the command and key, see the error"),
    (exceptions.OutOfMemoryError, "raise `maxmemory` of Redis, or shorten the time to live of profiles"),
    (exceptions.ReadOnlyError, "name the primary in the Redis URL, not a replica"),
    (exceptions.MovedError, "this is a Redis Cluster: add `?cluster=true` to the Redis URL"),
    (exceptions.BusyLoadingError, "Redis is reading its data from disk; it answers when it is done"),
    (exceptions.TimeoutError, "Redis is too slow, frozen or cut off: check its load and the network"),
    (exceptions.ConnectionError, "check that Redis runs and that the Redis URL is right"),
    (exceptions.RedisClusterException, "check that the nodes of the cluster run and that the Redis URL is right"),
    (TimeoutError, "Redis is too slow, frozen or cut off: check its load and the network"),
    (OSError, "check that Redis runs and that the Redis URL is right"),
)


class Script:
    """One of the files in `lua/`: one atomic operation."""

    def __init__(self, name: str) -> None:
        self._text = resources.files("stream_detector.adapters").joinpath("lua", f"{name}.lua").read_text("utf-8")

    def command(self, keys: Sequence[str], arguments: Sequence[bytes | str | float]) -> Command:
        """The call of the script; all keys must lie in one slot."""
        return ("EVAL", self._text, len(keys), *keys, *arguments)


class RedisLink:
    """A client whose errors are `StoreUnavailable`.

    Args:
        client: without time limits and repetitions of its own.
        address: host and port for messages; never the URL, which may hold a password.
        timeout_s: longest duration of an operation: waiting for its turn, connecting, sending, and the answer.
        most_at_once: operations (and so connections) under way; further ones wait for their turn.
    """

    def __init__(self, client: "Redis | RedisCluster", *, address: str, timeout_s: float, most_at_once: int) -> None:
        self._client = client
        self._address = address
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(most_at_once)

    async def send(self, command: Command, doing: str) -> Any:  # noqa: ANN401 - Redis answers anything
        """Send one command.

        Args:
            command: name and arguments.
            doing: what it is for, as in "Redis could not ...".

        Raises:
            StoreUnavailable: no answer, or an error. The command may have taken effect all the same.
        """
        with self._translated(doing):
            async with self._turn():
                return await self._client.execute_command(*command)

    async def send_all(self, commands: Sequence[Command], doing: str) -> list[Any]:
        """Send many commands in one round trip (to each node concerned); the answers in the same order.

        Raises:
            StoreUnavailable: as `send`; any of the commands may have taken effect.
        """
        answers = await self.send_each(commands, doing)
        for answer in answers:
            if isinstance(answer, StoreUnavailable):
                raise answer
        return answers

    async def send_each(self, commands: Sequence[Command], doing: str) -> list[Any]:
        """Send many commands in one round trip; a `StoreUnavailable` in the place of every answer that is missing."""
        try:
            if len(commands) == 1:
                return [await self.send(commands[0], doing)]
            answers = await self._pipelined(commands, doing) if commands else []
        except StoreUnavailable as error:
            return [error] * len(commands)
        return [self._translation(each, doing) if isinstance(each, Exception) else each for each in answers]

    async def _pipelined(self, commands: Sequence[Command], doing: str) -> list[Any]:
        """Answers and errors."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        with self._translated(doing):
            async with self._turn():
                answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers

    @asynccontextmanager
    async def subscription(self, channel: str, doing: str) -> AsyncIterator[PubSub]:
        """A connection of its own that listens to `channel`; the confirmation has not been read yet."""
        with self._translated(doing):
            async with self._turn():
                pubsub = self._client.pubsub()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await pubsub.subscribe(channel)
                yield pubsub
            finally:
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py left it so

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        async with asyncio.timeout(self._timeout_s), self._turns:
            # A cluster client that many tasks find without its map breaks their connections while it draws it.
            await self._client.initialize()
            yield

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Turn errors of the client into `StoreUnavailable` with the remedy."""
        try:
            yield
        except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
            raise self._translation(error, doing) from error

    def _translation(self, error: Exception, doing: str) -> StoreUnavailable:
        remedy = next((text for kind, text in _REMEDIES if isinstance(error, kind)), "see the log of Redis")
        what = str(error) or f"no answer within {self._timeout_s} s"
        return StoreUnavailable(f"Redis at {self._address} could not {doing}: {what}; {remedy}")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()
