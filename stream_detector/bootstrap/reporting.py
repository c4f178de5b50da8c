"""Where a program that enforces by itself reports its calls."""

from collections.abc import Sequence
from typing import Literal

from stream_detector.adapters.collector_calls import CollectorCalls
from stream_detector.adapters.kafka_calls import KafkaCallLog
from stream_detector.domain.calls import ApiCall
from stream_detector.service.outbox import Channel
from stream_detector.settings import PREFIX, Settings

_KAFKA_TIMEOUT_S = 10.0


class _Topic:
    """The calls topic (a `service.outbox.Channel`)."""

    def __init__(self, log: KafkaCallLog) -> None:
        self._log = log
        self.aclose = log.close

    async def send(self, calls: Sequence[ApiCall]) -> None:
        """Return once the broker has them all."""
        await self._log.publish(calls, [])


def channel_of(settings: Settings, name: Literal["hook_calls_to", "calls_to"], half: str = "") -> Channel:
    """The topic or a collector. Nothing connects before the first call.

    Args:
        settings: how to reach them.
        name: of the setting that says `kafka`, or the collector's address.
        half: which half of calls is reported, where a collector pairs them; empty for whole calls.

    Raises:
        ConfigError: the address cannot be used.
    """
    calls_to: str = getattr(settings, name)
    if calls_to != "kafka":
        setting = PREFIX + name.upper()
        return CollectorCalls(calls_to, token=settings.collector_token, half=half, setting=setting)
    return _Topic(
        KafkaCallLog(
            settings.kafka,
            topic_calls=settings.topic_calls,
            topic_dead=settings.topic_dead,
            timeout_s=_KAFKA_TIMEOUT_S,
        )
    )
