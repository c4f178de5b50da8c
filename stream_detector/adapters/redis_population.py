"""Template counts of all partitions in Redis: one hash per template, one field per partition."""

from collections.abc import Mapping

from stream_detector.adapters.redis_keys import RedisKeys
from stream_detector.adapters.redis_link import RedisLink, Script
from stream_detector.domain.population import TemplateUse

_DAY_S = 86_400
_OLDEST_USE_S = 8 * _DAY_S
_KEPT_S = 2 * _OLDEST_USE_S
"""Wall time; generous, because event time may run slower."""


class RedisPopulationStore:
    """Implements `ports.PopulationStore`; counts older than 8 days are not added up."""

    def __init__(self, link: RedisLink, keys: RedisKeys) -> None:
        self._link = link
        self._keys = keys
        self._exchange = Script("exchange")

    async def exchange(self, partition: int, uses: Mapping[int, TemplateUse], now_s: float) -> dict[int, TemplateUse]:
        """Publish this partition's absolute counts per template; return the sums over all other partitions."""
        commands = [
            self._exchange.command(
                [self._keys.template(template)],
                [partition, use.members, use.young, now_s, _OLDEST_USE_S, _KEPT_S],
            )
            for template, use in uses.items()
        ]
        sums = await self._link.send_all(commands, f"exchange template counts of partition {partition}")
        return {template: TemplateUse(*answer) for template, answer in zip(uses, sums, strict=True)}
