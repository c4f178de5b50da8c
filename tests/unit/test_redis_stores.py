import asyncio

import pytest
from stores.samples import HOSTILE_NAMES

from stream_detector.adapters.redis_keys import RedisKeys
from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.errors import ConfigError, StoreUnavailable


def _hash_tag(key: str) -> str:
    """What decides the slot: the text between the first `{` and the next `}` (Redis Cluster specification)."""
    return key.split("{", 1)[1].split("}", 1)[0]


@pytest.mark.parametrize("client", HOSTILE_NAMES)
def test_no_client_id_moves_a_profile_out_of_its_partition(client: str) -> None:
    keys = RedisKeys("sd")
    names = [keys.meta(3), keys.state(3), keys.profiles(3) + client]
    assert {_hash_tag(name) for name in names} == {"p3"}


@pytest.mark.parametrize("prefix", ["", "{", "a}b", "{sd}"])
def test_a_prefix_cannot_break_the_hash_tag(prefix: str) -> None:
    with pytest.raises(ConfigError, match="without braces"):
        RedisKeys(prefix)


@pytest.mark.parametrize(
    "url",
    ["http://:s3cret@h", "redis://u:s3cret/x@h:1", "redis://u:s3cret@h:port", "redis://u:s3cret@h?db=x", "localhost"],
)
def test_a_bad_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"write redis://USER:PASSWORD@HOST") as caught:
        RedisStores(url, prefix="sd", profile_ttl_s=60.0)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://u:s3cret@127.0.0.1:1/0", "127.0.0.1:1"),
        ("unix://u:s3cret@/nowhere/redis.sock", "/nowhere/redis.sock"),
        ("redis://u:s3cret@127.0.0.1:1?cluster=true", "127.0.0.1:1"),
    ],
)
def test_an_error_names_the_address_only(url: str, address: str) -> None:
    async def ping() -> None:
        async with RedisStores(url, prefix="sd", profile_ttl_s=60.0) as stores:
            await stores.ping()

    with pytest.raises(StoreUnavailable, match=f"Redis at {address} could not answer") as caught:
        asyncio.run(ping())
    assert "s3cret" not in str(caught.value)
