"""The whole system on this machine: the embedded stack, the topics, one worker and one hook, started and ready."""

import asyncio
import os
import secrets
import sys
from collections.abc import Mapping

import aiohttp
from msgspec import Struct

from stream_detector.bootstrap.topics import make_topics
from stream_detector.demo.timeline import Timeline
from stream_detector.demo.watch import scrape
from stream_detector.embedded import EmbeddedStack, free_port
from stream_detector.settings import PREFIX, Settings

PARTITIONS = 2
_READY_S = 60.0


class System(Struct, frozen=True):
    """Where everything listens."""

    settings: Settings

    @property
    def hook(self) -> str:
        """Root URL of the hook."""
        return f"http://{self.settings.hook_host}:{self.settings.hook_port}"

    @property
    def worker_metrics(self) -> str:
        """The worker's metrics."""
        return f"http://{self.settings.metrics_host}:{self.settings.metrics_port}/metrics"

    @property
    def hook_metrics(self) -> str:
        """The hook's metrics."""
        return f"{self.hook}/metrics"

    @property
    def outputs(self) -> dict[str, int]:
        """Topics that the worker writes -> partitions."""
        return {self.settings.topic_decisions: 1, self.settings.topic_dead: 1}


async def start_system(
    stack: EmbeddedStack,
    session: aiohttp.ClientSession,
    timeline: Timeline | None,
    environ: Mapping[str, str] = os.environ,
) -> System:
    """Start worker and hook as children of `stack`; return when both are ready.

    Args:
        stack: the running servers.
        session: asks whether they are ready.
        timeline: of a simulation; None for wall time.
        environ: settings of the user, such as another policy; addresses and clock are ours.

    Raises:
        ConfigError: a setting of the user does not fit.
        ChildFailed: a process died or did not get ready; the message has the end of its log.
    """
    ours = {**_defaults(environ), **_variables(stack, timeline)}
    settings = Settings.from_env({**environ, **ours})
    system = System(settings)
    await asyncio.to_thread(make_topics, settings, PARTITIONS)
    worker, hook = (
        stack.children.start(name, [sys.executable, "-m", "stream_detector", name], ours) for name in ("worker", "hook")
    )

    async def worker_is_ready() -> bool:
        metrics = await scrape(session, system.worker_metrics)
        return metrics is not None and len(metrics.by_labels("stream_detector_lag_records", "partition")) == PARTITIONS

    async def hook_is_ready() -> bool:
        try:
            async with session.get(f"{system.hook}/readyz") as response:
                return response.ok
        except aiohttp.ClientError:
            return False

    await hook.wait_until(hook_is_ready, within_s=_READY_S)
    await worker.wait_until(worker_is_ready, within_s=_READY_S)
    return system


def _variables(stack: EmbeddedStack, timeline: Timeline | None) -> dict[str, str]:
    """The settings that only we can know."""
    values = {
        "kafka": stack.kafka,
        "redis": stack.redis,
        "rebalance_timeout_s": str(stack.rebalance_timeout_s),
        "metrics_port": str(free_port()),
        "hook_port": str(free_port()),
        "clock": timeline.setting() if timeline else "wall",
        "sketch_salt": secrets.token_hex(16),
    }
    return {PREFIX + name.upper(): value for name, value in values.items()}


def _defaults(environ: Mapping[str, str]) -> dict[str, str]:
    """Quiet logs, so that the end of a log tells why its process has died."""
    level = PREFIX + "LOG_LEVEL"
    return {level: environ.get(level, "WARNING")}
