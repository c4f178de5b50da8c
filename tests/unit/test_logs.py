import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from stream_detector.adapters.logs import JsonLines, configure
from stream_detector.domain.calls import ApiCall
from stream_detector.ports import Record

_PROMPT = "please write a poem"
_CALL = ApiCall(id="1", ts=1.0, client="acct-1", prompt=_PROMPT)
_RECORD = Record(5, 0, b"acct-1", _PROMPT.encode())


_log = logging.Logger("stream_detector.test", "INFO")  # noqa: LOG001 - pytest listens to every other one


@pytest.fixture
def output() -> io.StringIO:
    """What `_log` writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    _log.handlers[:] = [handler]
    return stream


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger without handlers; those of the test run come back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield root
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def _only(output: io.StringIO) -> dict[str, Any]:
    (line,) = output.getvalue().splitlines()
    return json.loads(line)  # type: ignore[no-any-return]


def test_a_line_says_when_who_and_what(output: io.StringIO) -> None:
    _log.info("read %d of %s", 7, "decisions", extra={"client": "acct-1", "partition": 3})
    line = _only(output)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": "stream_detector.test",
        "message": "read 7 of decisions",
        "client": "acct-1",
        "partition": 3,
    }


@pytest.mark.parametrize(
    "hostile", ["a\nb", "a\r\nb", "\x1b[31mred", "\x00", "\x7f", "\x9b31m", "\u2028", "\u202eabc", "\ud800", '"}']
)
def test_hostile_text_stays_on_its_line_and_is_harmless(output: io.StringIO, hostile: str) -> None:
    _log.warning("client %s", hostile, extra={"client": hostile, hostile: 1})
    written = output.getvalue()
    assert written.endswith("\n")
    assert all(32 <= ord(character) < 127 for character in written[:-1])
    line = _only(output)
    assert line["message"] == f"client {hostile}"
    assert line["client"] == hostile


@pytest.mark.parametrize(
    "fact",
    [
        _CALL,
        _RECORD,
        _PROMPT.encode(),
        bytearray(_PROMPT.encode()),
        [_CALL],
        {"a": (_CALL,)},
        {_CALL.id: {1: {2: [_CALL]}}},
    ],
)
def test_no_prompt_in_arguments_or_fields(output: io.StringIO, fact: object) -> None:
    _log.error("failed on %s and %r", fact, fact, extra={"fact": fact})
    _log.error("failed on %(fact)s", {"fact": fact})
    _log.error("failed on %d", fact)
    assert "poem" not in output.getvalue()


def test_a_field_named_prompt_is_withheld(output: io.StringIO) -> None:
    _log.info("x", extra={"prompt": _PROMPT, "call": {"prompt": _PROMPT, "id": "1"}})
    line = _only(output)
    assert line["prompt"] == "<withheld>"
    assert line["call"] == {"prompt": "<withheld>", "id": "1"}


def test_arguments_that_do_not_fit_do_not_hide_the_message(output: io.StringIO) -> None:
    _log.info("one %s two %s", 1)
    assert _only(output)["message"] == "one %s two %s (its arguments do not fit)"


def test_a_traceback_is_one_line(output: io.StringIO) -> None:
    try:
        int("x")
    except ValueError:
        _log.exception("failed")
    line = _only(output)
    assert "ValueError: invalid literal" in line["exception"]
    assert "Traceback" in line["exception"]


def test_long_text_is_cut(output: io.StringIO) -> None:
    _log.info("%s", "x" * 100_000, extra={"note": "y" * 100_000, "many": list(range(1000))})
    assert len(output.getvalue()) < 5_000
    assert _only(output)["note"].endswith("... (100000 characters)")


def test_numbers_that_json_lacks_are_text(output: io.StringIO) -> None:
    _log.info("age %s", float("inf"), extra={"age_s": float("inf"), "risk": float("nan")})
    line = _only(output)
    assert (line["message"], line["age_s"], line["risk"]) == ("age inf", "inf", "nan")


def test_fields_cannot_replace_the_standard_ones(output: io.StringIO) -> None:
    _log.info("true", extra={"level": "forged", "time": "forged", "logger": "forged"})
    assert "forged" not in output.getvalue()


def test_everything_from_the_level_on_goes_to_the_stream(root: logging.Logger) -> None:
    stream = io.StringIO()
    configure("INFO", stream)
    logging.getLogger("any.library").debug("not this")
    logging.getLogger("any.library").info("this")
    root.handlers[0].flush()
    assert _only(stream)["message"] == "this"


def test_a_second_configuration_replaces_the_first(root: logging.Logger) -> None:
    first, second = io.StringIO(), io.StringIO()
    configure("INFO", first)
    configure("WARNING", second)
    root.info("not this")
    root.warning("this")
    assert first.getvalue() == ""
    assert _only(second)["message"] == "this"


@pytest.mark.usefixtures("root")
def test_python_warnings_are_logged() -> None:
    stream = io.StringIO()
    configure("INFO", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", UserWarning, stacklevel=1)
    assert "UserWarning: old" in _only(stream)["message"]
