"""Logging: one line of JSON per record, on standard error.

    {"time": "2026-03-01T12:00:00.123Z", "level": "INFO", "logger": "stream_detector.hook.feed", "message": "..."}

Rules:
1. A line never carries prompt text. Calls, records, bytes and every object that is not plain text, a number or an error are
   written as the name of their type, in the arguments of a message as well as in `extra`; `prompt` is always withheld.
2. Nothing that a client chose can forge a line or control a terminal: control characters and everything outside ASCII are
   escaped.
3. Long text is cut.
4. An error that this package raises on purpose explains itself: it stands without its traceback.
5. A library that says the same over and over is heard at once, and then every ten seconds, with `suppressed`: so many lines
   were left out. Our own lines all stand, and so do all at DEBUG.

Fields given as `extra={...}` stand beside the others; a client id is welcome there (it is no metric label anywhere).
"""

import json
import logging
import math
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import PurePath
from typing import TextIO

from stream_detector.domain.errors import StreamDetectorError

_MAX_TEXT_CHARS = 1_000
_MAX_TRACE_CHARS = 20_000
_MAX_NAME_CHARS = 100
_MAX_ITEMS = 20
_MAX_DEPTH = 3
_TALKATIVE = ("aiokafka", "faust", "kafka", "mode")
"""Libraries whose INFO is about themselves; heard at DEBUG."""
_ECHOING = "kafka"
"""kafka-python makes topics at the start, once; what it cannot do the adapter says in one line."""
_OURS = "stream_detector"
_EVERY_S = 10.0
_MAX_TEMPLATES = 500
_NUMBERS = re.compile(r"[0-9]+")
_SECRET_FIELDS = frozenset({"prompt", "sketch"})
_STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send every log record of the process to one place, replacing what was configured before.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        stream: standard error when None.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    if level != "DEBUG":
        handler.addFilter(Thinning())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    if level == "INFO":
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
    if level != "DEBUG":
        logging.getLogger(_ECHOING).setLevel(logging.CRITICAL)


class _Repeats:
    """Of one line."""

    __slots__ = ("passed_at_s", "suppressed")

    def __init__(self, passed_at_s: float) -> None:
        self.passed_at_s = passed_at_s
        self.suppressed = 0


class Thinning(logging.Filter):
    """Lets what a library repeats pass only now and then.

    Lines are the same if logger, level and template are, or a text without arguments but for its numbers.

    Args:
        timer: seconds that never go back.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._timer = timer
        self._lock = threading.Lock()
        self._repeats: OrderedDict[tuple[str, int, str], _Repeats] = OrderedDict()
        """The one that passed longest ago comes first."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.name.partition(".")[0] == _OURS:
            return True
        with self._lock:
            return self._passes(record)

    def _passes(self, record: logging.LogRecord) -> bool:
        now_s, key = self._timer(), (record.name, record.levelno, _template(record))
        known = self._repeats.get(key)
        if known is not None and now_s - known.passed_at_s < _EVERY_S:
            known.suppressed += 1
            return False
        if known is not None and known.suppressed:
            record.suppressed = known.suppressed
        self._repeats[key] = _Repeats(now_s)
        self._repeats.move_to_end(key)
        if len(self._repeats) > _MAX_TEMPLATES:
            self._repeats.popitem(last=False)
        return True


def _template(record: logging.LogRecord) -> str:
    text = str(record.msg)
    if not record.args or text == "%s":  # the template of Python's own warnings
        text = _NUMBERS.sub("0", _message(record))
    return text[:_MAX_TEXT_CHARS]


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without a line feed at its end."""
        time = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        fields: dict[str, object] = {
            "time": f"{time.isoformat(timespec='milliseconds')}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": _cut(_message(record), _MAX_TEXT_CHARS),
        }
        if record.exc_info and not isinstance(record.exc_info[1], StreamDetectorError):
            fields["exception"] = _cut(self.formatException(record.exc_info), _MAX_TRACE_CHARS)
        taken = _STANDARD_FIELDS | fields.keys()
        extra = {name: value for name, value in record.__dict__.items() if name not in taken}
        line = json.dumps(fields | _presentable_fields(extra))
        return line.replace("\x7f", "\\u007f")  # the one control character that JSON lets pass


def _message(record: logging.LogRecord) -> str:
    text = str(record.msg)
    if not record.args:
        return text
    try:
        if isinstance(record.args, Mapping):
            return text % _presentable_fields(record.args)
        return text % tuple(map(_presentable, record.args))
    except (TypeError, ValueError, KeyError):
        return f"{text} (its arguments do not fit)"


def _presentable(value: object, depth: int = 0) -> object:
    """What may be shown of a value: text, numbers, errors, and collections of them; else the name of its type."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str | Exception | PurePath):
        return _cut(str(value), _MAX_TEXT_CHARS)
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        return _presentable_fields(value, depth + 1)
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_presentable(item, depth + 1) for item in islice(value, _MAX_ITEMS)]
    return f"<{type(value).__name__}>"


def _presentable_fields(fields: Mapping[str, object], depth: int = 0) -> dict[str, object]:
    return {
        _cut(str(name), _MAX_NAME_CHARS): "<withheld>" if name in _SECRET_FIELDS else _presentable(value, depth)
        for name, value in islice(fields.items(), _MAX_ITEMS)
    }


def _cut(text: str, most_chars: int) -> str:
    return text if len(text) <= most_chars else f"{text[:most_chars]}... ({len(text)} characters)"
