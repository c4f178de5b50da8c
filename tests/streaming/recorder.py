"""A handler that only records: what the tests of the stream layer drive, in many processes at once.

Its state of a partition is a digest of all records in order, so that one comparison shows whether anything was lost,
doubled or swapped, across crashes and rebalances. Checkpoints are files, written whole and fenced by a token.
"""

import asyncio
import fcntl
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from stream_detector.domain.errors import ConfigError, OwnershipLost
from stream_detector.ports import Record


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """One partition's checkpoint."""

    token: int = 0
    offset: int = -1
    records: int = 0
    digest: str = ""


def digest_of(records: Iterable[Record], digest: str = "") -> str:
    """What a partition's digest is after these records."""
    for record in records:
        link = repr((digest, record.offset, record.key, record.value)).encode()
        digest = hashlib.sha256(link).hexdigest()
    return digest


class Checkpoints:
    """The checkpoint files of all partitions, shared by all workers of a test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, partition: int) -> Saved:
        path = self._path(partition)
        return msgspec.json.decode(path.read_bytes(), type=Saved) if path.exists() else Saved()

    def write(self, partition: int, saved: Saved) -> None:
        unfinished = self._path(partition).with_suffix(".unfinished")
        unfinished.write_bytes(msgspec.json.encode(saved))
        unfinished.replace(self._path(partition))

    def claim(self, partition: int) -> Saved:
        with self._locked(partition):
            before = self.read(partition)
            claimed = msgspec.structs.replace(before, token=before.token + 1)
            self.write(partition, claimed)
        return claimed

    def save(self, partition: int, saved: Saved) -> None:
        with self._locked(partition):
            if self.read(partition).token != saved.token:
                message = "another worker has claimed it"
                raise OwnershipLost(message, partition=partition)
            self.write(partition, saved)

    def _path(self, partition: int) -> Path:
        return self._directory / f"partition-{partition}.json"

    @contextmanager
    def _locked(self, partition: int) -> Iterator[None]:
        with self._path(partition).with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Recorder:
    """Implements `ports.ChunkHandler`; writes every call of it to a log of JSON lines."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        log: Path,
        *,
        checkpoint_s: float = 0.3,
        pause_s: float = 0.0,
        raise_at: bytes | None = None,
        tick_fails: bool = False,
    ) -> None:
        self._checkpoints = checkpoints
        self._log = log.open("a", buffering=1)
        self._checkpoint_s = checkpoint_s
        self._pause_s = pause_s
        self._raise_at = raise_at
        self._tick_fails = tick_fails
        self._memory: dict[int, Saved] = {}
        self._saved: dict[int, int] = {}
        self._saved_at = time.monotonic()

    async def claim(self, partition: int, end_offset: int) -> int:
        claimed = self._checkpoints.claim(partition)
        self._write("claim", partition=partition, end_offset=end_offset, saved=claimed.offset, token=claimed.token)
        if claimed.offset >= end_offset:
            message = f"partition {partition}: the checkpoint lies beyond the end"
            raise ConfigError(message)
        self._memory[partition] = claimed
        self._saved[partition] = claimed.offset
        return claimed.offset

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        await asyncio.sleep(self._pause_s)
        memory = self._memory[partition]
        fresh = [record for record in records if record.offset > memory.offset]
        self._write("handle", partition=partition, first=records[0].offset, last=records[-1].offset, fresh=len(fresh))
        if self._raise_at is not None and any(record.value == self._raise_at for record in fresh):
            message = f"met {self._raise_at!r}"
            raise RuntimeError(message)
        if fresh:
            self._memory[partition] = msgspec.structs.replace(
                memory,
                offset=fresh[-1].offset,
                records=memory.records + len(fresh),
                digest=digest_of(fresh, memory.digest),
            )

    async def tick(self) -> None:
        if self._tick_fails and self._memory:
            message = "the timer failed"
            raise RuntimeError(message)
        if time.monotonic() - self._saved_at >= self._checkpoint_s:
            self._saved_at = time.monotonic()
            for partition in tuple(self._memory):
                self._save(partition)

    def saved_offset(self, partition: int) -> int:
        return self._saved.get(partition, -1)

    async def release(self, partition: int) -> None:
        self._save(partition)
        self._write("release", partition=partition, saved=self._saved[partition])
        self._drop(partition)

    def forget(self, partition: int) -> None:
        self._write("forget", partition=partition)
        self._drop(partition)

    def _save(self, partition: int) -> None:
        memory = self._memory[partition]
        if memory.offset > self._saved[partition]:
            self._checkpoints.save(partition, memory)
            self._saved[partition] = memory.offset

    def _drop(self, partition: int) -> None:
        self._memory.pop(partition, None)
        self._saved.pop(partition, None)

    def _write(self, event: str, **facts: Any) -> None:  # noqa: ANN401
        self._log.write(json.dumps({"event": event, "at_ns": time.time_ns(), **facts}) + "\n")
