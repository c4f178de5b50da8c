"""Rate limits in Redis, shared by all hooks: one key per subject and limit, one script per call."""

from stream_detector.adapters import gcra
from stream_detector.adapters.redis_keys import RedisKeys
from stream_detector.adapters.redis_link import RedisLink, Script
from stream_detector.domain.decisions import Limit, Subject
from stream_detector.ports import Admission

_KEPT_S = 86_400
"""Beyond the arrival time, in wall time; generous, because event time may run slower."""


class RedisLimiter:
    """Implements `ports.Limiter`. Another limit for the same subject starts afresh."""

    def __init__(self, link: RedisLink, keys: RedisKeys) -> None:
        self._link = link
        self._keys = keys
        self._admit = Script("admit")

    async def admit(self, subject: Subject, limit: Limit, now_s: float) -> Admission:
        """Count one call against the subject's limit; a refused call costs nothing.

        Raises:
            StoreUnavailable: no answer; the call may have been counted.
        """
        rate = gcra.rate_of(limit)
        command = self._admit.command(
            [self._keys.limit(subject, rate)],
            [gcra.microseconds(now_s), rate.interval_us, rate.tolerance_us, _KEPT_S],
        )
        remaining, retry_after_us, reset_after_us = await self._link.send(command, "check a limit")
        return gcra.admission(remaining=remaining, retry_after_us=retry_after_us, reset_after_us=reset_after_us)
