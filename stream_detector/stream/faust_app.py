"""Faust as the stream needs it: its settings, and what its consumer does otherwise."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import faust
from faust.types import TP
from msgspec import Struct

_SCHEMES = {"chunked": "chunked", "stock": "kafka"}
_NEVER = 2**31
_SESSION_TIMEOUT_S = (6.0, 30.0)
"""6 s is the least that Apache Kafka accepts by default."""


class StreamOptions(Struct, frozen=True, kw_only=True):
    """Where the records come from, and how they are fetched."""

    bootstrap_servers: str
    """`host:port`, comma-separated."""
    topic: str
    group: str
    transport: str = "chunked"
    """`chunked`, or `stock` for Faust's own: one record per chunk, and a commit gets over one hole that compaction or a
    transaction left, so that on topics with many holes it falls behind."""
    rebalance_timeout_s: float = 30.0
    """How long the broker waits for the workers of the group to rejoin. A worker that is silent for twice as long, at
    least 6 and at most 30 s, is taken for dead; Tansu waits half of that at every rebalance."""
    commit_interval_s: float = 1.0
    max_chunk_records: int = 500
    fetch_max_wait_ms: int = 100
    """How long the broker may hold back a fetch with nothing to return. Apache Kafka answers as soon as there is something,
    Tansu waits it out: a record took 3 and 25 ms (median) to the handler. Only `chunked` obeys."""


class _ExactConsumer:
    """Mixed into the transport's consumer, which brings what is declared here."""

    _committed_offset: dict[TP, int | None]
    _commit_offsets: Callable[[Mapping[TP, int]], Awaitable[bool]]
    maybe_wait_for_commit_to_finish: Callable[[], Awaitable[bool]]
    earliest_offsets: Callable[..., Awaitable[Mapping[TP, int]]]
    seek_wait: Callable[[Mapping[TP, int]], Awaitable[None]]

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        """Commit exactly these offsets. Faust commits acknowledgements, and forgets them when a rebalance begins."""
        await self.maybe_wait_for_commit_to_finish()
        self._committed_offset.update(offsets)  # no acknowledgement that is still to be committed goes below
        await self._commit_offsets(offsets)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek also where nothing is committed.

        A fetch that a rebalance overtakes is thrown away by Faust, which then seeks to the committed offsets to read it
        again. A partition without one would go on behind what was thrown away.
        """
        committed: Mapping[TP, int] = await super().seek_to_committed()  # type: ignore[misc]
        uncommitted = [tp for tp, offset in committed.items() if not offset]
        if uncommitted:
            await self.seek_wait(await self.earliest_offsets(*uncommitted))
        return committed


class _App(faust.App):  # type: ignore[misc]  # Faust is untyped here
    def _new_transport(self) -> Any:  # noqa: ANN401 - Faust is untyped
        transport = super()._new_transport()
        transport.Consumer = type("Consumer", (_ExactConsumer, transport.Consumer), {})
        return transport

    def _create_directories(self) -> None:
        """Leave nothing in the working directory: there are no tables to keep."""


def new_faust_app(options: StreamOptions) -> faust.App:
    """An app without agents, for the running event loop."""
    session_timeout_s = min(max(2 * options.rebalance_timeout_s, _SESSION_TIMEOUT_S[0]), _SESSION_TIMEOUT_S[1])
    scheme = _SCHEMES[options.transport]
    query = f"?fetch_max_wait_ms={options.fetch_max_wait_ms}" if scheme == "chunked" else ""
    servers = [server.strip() for server in options.bootstrap_servers.split(",")]
    app = _App(
        options.group,
        broker=[f"{scheme}://{server}{query}" for server in servers],
        loop=asyncio.get_running_loop(),
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        table_standby_replicas=0,  # else Faust's own assignor, which needs tables
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,  # else a stop waits for acknowledgements that only a checkpoint gives
        broker_commit_interval=options.commit_interval_s,
        broker_commit_every=_NEVER,  # only by time, and when a partition is released
        broker_max_poll_records=options.max_chunk_records,
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=session_timeout_s / 10,
        broker_rebalance_timeout=options.rebalance_timeout_s,
        consumer_auto_offset_reset="earliest",
    )
    app.finalize()
    return app
