"""What gRPC's server says of messages that it cannot read: one line a minute, without a trace for each.

Whoever reaches the port could fill the log otherwise.
"""

import logging
import time
from collections.abc import Callable

from google.protobuf.message import DecodeError

_LOGGER = "grpc._cython.cygrpc"
_EVERY_S = 60.0


class OncePerMinute(logging.Filter):
    """Lets a record about an unreadable message pass once a minute, with their number; all others as they are."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._quiet_until_s = -_EVERY_S
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if not record.exc_info or not isinstance(record.exc_info[1], DecodeError):
            return True
        self._count += 1
        now_s = self._monotonic()
        if now_s < self._quiet_until_s:
            return False
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = (
            "gRPC messages that could not be read: %d; the last: %s; let only Envoy reach the port, with API v3"
        )
        record.args = (self._count, str(record.exc_info[1]))
        record.exc_info = None
        self._quiet_until_s, self._count = now_s + _EVERY_S, 0
        return True


def quieten() -> None:
    """Let gRPC's server speak so in this process."""
    logger = logging.getLogger(_LOGGER)
    if not any(isinstance(each, OncePerMinute) for each in logger.filters):
        logger.addFilter(OncePerMinute())
