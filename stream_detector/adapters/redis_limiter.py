"""Rate limits in Redis, shared by all hooks: one key per subject and limit, one script per step of a call."""

from collections.abc import Sequence

from stream_detector.adapters import metering
from stream_detector.adapters.gcra import LONGEST_US, Rate, microseconds
from stream_detector.adapters.metering import Meter
from stream_detector.adapters.redis_companions import Companions
from stream_detector.adapters.redis_keys import RedisKeys
from stream_detector.adapters.redis_link import Command, RedisLink, Script
from stream_detector.domain.decisions import Limit, Subject
from stream_detector.domain.limits import ONE_CALL, Admission, Ask, Ended, Use

_KEPT_S = 86_400
"""Beyond the arrival time, in wall time; generous, because event time may run slower."""


class RedisLimiter:
    """Implements `ports.Limiter` and `ports.Settler`. Another limit for the same subject starts afresh.

    Args:
        link: to Redis.
        keys: where limits stand.
        within_s: longest round trip of a check.
    """

    def __init__(self, link: RedisLink, keys: RedisKeys, *, within_s: float) -> None:
        self._link = link
        self._together = Companions(link, "check a limit", within_s)
        self._keys = keys
        self._admit, self._settle = Script("admit"), Script("settle")

    def prepare(self) -> None:
        """Begin to get ready for many checks at once. To be called on the event loop that will make them."""
        self._together.prepare()

    async def admit(self, subject: Subject, limit: Limit, now_s: float, ask: Ask = ONE_CALL) -> Admission:
        """Let a call through and reserve what it needs; a refused call costs nothing.

        Raises:
            StoreUnavailable: no answer; the call may have been counted.
        """
        meter = metering.meter_of(limit)
        arguments: list[str | float] = [
            *(microseconds(now_s), _KEPT_S, metering.LEASE_US, metering.MAX_OPEN),
            *(metering.UNKNOWN_TOKENS, metering.STREAMS_RETRY_US),
            *(ask.call, meter.streams or 0, int(meter.remembers)),
        ]
        for rate, need in zip(meter.rates, (ask.requests, ask.input_tokens, ask.output_tokens), strict=True):
            arguments += (0, 0, 0) if rate is None else (rate.interval_us, rate.tolerance_us, _or_unknown(need))
        command = self._admit.command([self._key(subject, meter)], arguments)
        remaining, retry_after_us, reset_after_us = await self._together.send(command)
        return metering.admission(remaining, retry_after_us, reset_after_us)

    async def settle(self, subject: Subject, limit: Limit, now_s: float, use: Use) -> bool:
        """Count what a call has used instead of what it reserved; False where no such call is open.

        Raises:
            StoreUnavailable: no answer; it may have been counted.
        """
        command = self._settle_command(Ended(subject, limit, use), now_s)
        return bool(await self._link.send(command, "settle a call"))

    async def settle_all(self, calls: Sequence[Ended], now_s: float) -> list[bool]:
        """The same for many calls, in one round trip and in their order.

        Raises:
            StoreUnavailable: no answer; any of them may have been counted.
        """
        commands = [self._settle_command(each, now_s) for each in calls]
        return list(map(bool, await self._link.send_all(commands, f"settle {len(commands)} calls")))

    def _settle_command(self, ended: Ended, now_s: float) -> Command:
        meter, use = metering.meter_of(ended.limit), ended.use
        arguments: list[str | float] = [
            *(microseconds(now_s), _KEPT_S, metering.UNKNOWN_TOKENS, metering.USUAL_OF, LONGEST_US, use.call)
        ]
        for rate, used in ((meter.input_tokens, use.input_tokens), (meter.output_tokens, use.output_tokens)):
            arguments += (0, 0) if rate is None else (rate.interval_us, _or_unknown(used))
        return self._settle.command([self._key(ended.subject, meter)], arguments)

    def _key(self, subject: Subject, meter: Meter) -> str:
        rates = [rate or Rate(0, 0) for rate in meter.rates]
        parts = [number for rate in rates for number in (rate.interval_us, rate.tolerance_us)]
        return self._keys.limit(subject, ".".join(map(str, (*parts, meter.streams or 0))))


def _or_unknown(units: int | None) -> int:
    return -1 if units is None else units
