"""Opens Redis and hands out the adapters that live on it."""

from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from stream_detector.adapters.redis_decisions import RedisDecisionStore
from stream_detector.adapters.redis_keys import RedisKeys
from stream_detector.adapters.redis_limiter import RedisLimiter
from stream_detector.adapters.redis_link import RedisLink
from stream_detector.adapters.redis_population import RedisPopulationStore
from stream_detector.adapters.redis_profiles import RedisProfileStore
from stream_detector.domain.errors import ConfigError


class RedisStores:
    """All stores on one client. Nothing connects before the first operation; close it in the same event loop.

    Args:
        url: `redis://`, `rediss://` or `unix://`; `?cluster=true` for a Redis Cluster (any of its nodes).
        prefix: start of every key.
        profile_ttl_s: idle profiles are forgotten after this time.
        answer_timeout_s: longest duration of one operation; a checkpoint of 40 MB needs about half a second.
        limit_timeout_s: the same of a check against a limit. Callers wait for far less, but a connection that they gave up
            would have to be opened anew, and a few may be dead without holding up those behind them.
        connect_timeout_s: longest part of it for connecting.
        max_connections: operations under way at once; further ones wait for their turn. Each `changes` has one more.

    Raises:
        ConfigError: the URL or the prefix cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        profile_ttl_s: float,
        answer_timeout_s: float = 5.0,
        limit_timeout_s: float = 1.0,
        connect_timeout_s: float = 1.0,
        max_connections: int = 64,
    ) -> None:
        keys = RedisKeys(prefix)
        self._link = RedisLink(
            _client(url, connect_timeout_s),
            address=_address(url),
            timeout_s=answer_timeout_s,
            most_at_once=max_connections,
        )
        self.profiles = RedisProfileStore(self._link, keys, profile_ttl_s=profile_ttl_s)
        self.population = RedisPopulationStore(self._link, keys)
        self.decisions = RedisDecisionStore(self._link, keys)
        self.limiter = RedisLimiter(self._link, keys, within_s=limit_timeout_s)

    async def ping(self) -> None:
        """Ask for a sign of life.

        Raises:
            StoreUnavailable: there was none.
        """
        await self._link.send(("PING",), "answer")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._link.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _client(url: str, connect_timeout_s: float) -> Redis | RedisCluster:
    options: dict[str, Any] = {
        "socket_connect_timeout": connect_timeout_s,
        "socket_timeout": None,  # the link limits whole operations
        "protocol": 2,  # answers of PING and scans look the same in all versions of the client
        # The caller repeats: only it knows whether that is harmless, and a repeated admit() is not.
        "retry": Retry(NoBackoff(), 0),
    }
    kinds: dict[str, type[Redis | RedisCluster]] = {"false": Redis, "true": RedisCluster}
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        kind = kinds[query.pop("cluster", "false")]
        client = kind.from_url(urlunsplit(parts._replace(query=urlencode(query))), **options)
        if isinstance(client, Redis):
            # Does not connect, but refuses options that do not exist. A cluster client has done so by now.
            client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (KeyError, ValueError, TypeError, RedisError) as error:
        # Neither the URL nor the error: both may hold a part of the password.
        message = (
            "redis: not a Redis URL; write redis://USER:PASSWORD@HOST:PORT/DATABASE, user and password "
            "percent-encoded, and ?cluster=true for a Redis Cluster"
        )
        raise ConfigError(message) from error
    return client


def _address(url: str) -> str:
    """Where Redis is, without user and password."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path
