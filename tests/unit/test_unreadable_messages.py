"""What the log says of gRPC messages that cannot be read."""

import logging

from google.protobuf.message import DecodeError

from stream_detector.serving.unreadable import OncePerMinute


def record(error: Exception) -> logging.LogRecord:
    return logging.LogRecord("grpc", logging.ERROR, "", 0, "Unexpected %s", ("x",), (type(error), error, None))


def test_unreadable_messages_are_one_line_a_minute_with_their_number() -> None:
    now_s = 0.0
    once = OncePerMinute(lambda: now_s)
    first = record(DecodeError("corrupt"))
    assert once.filter(first)
    assert (first.levelname, first.exc_info) == ("WARNING", None)
    assert "could not be read: 1; the last: corrupt" in first.getMessage()
    assert not any(once.filter(record(DecodeError("corrupt"))) for _ in range(5))

    now_s = 60.0
    later = record(DecodeError("corrupt"))
    assert once.filter(later)
    assert "could not be read: 6;" in later.getMessage()


def test_other_errors_are_told_as_they_are() -> None:
    bug = record(ValueError("a bug"))
    assert OncePerMinute().filter(bug)
    assert bug.exc_info is not None
    assert bug.levelname == "ERROR"
