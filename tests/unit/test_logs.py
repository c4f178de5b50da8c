import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gateways.hooks import HandTimer

from stream_detector.adapters import logs
from stream_detector.adapters.logs import JsonLines, Thinning, configure
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


@pytest.fixture
def heard(output: io.StringIO) -> Callable[[], list[tuple[str, int]]]:
    """What was written since the last call, and how many lines were left out before each."""

    def take() -> list[tuple[str, int]]:
        lines = [json.loads(line) for line in output.getvalue().splitlines()]
        output.truncate(0)
        output.seek(0)
        return [(line["message"], line.get("suppressed", 0)) for line in lines]

    return take


@pytest.fixture
def timer(output: io.StringIO) -> HandTimer:
    """Of a filter that thins what is written to `output`."""
    timer = HandTimer()
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonLines())
    handler.addFilter(Thinning(timer))
    for logger in (_log, _library):
        logger.handlers[:] = [handler]
    return timer


_library = logging.Logger("aiokafka.client", "INFO")  # noqa: LOG001 - pytest listens to every other one
_Heard = Callable[[], list[tuple[str, int]]]


def test_what_a_library_repeats_is_written_now_and_then(timer: HandTimer, heard: _Heard) -> None:
    for port in range(1000):
        _library.error("Unable connect to node with id %s: %s", 1, port)
        _library.error("Unable to update metadata from %s", [1])
    assert heard() == [("Unable connect to node with id 1: 0", 0), ("Unable to update metadata from [1]", 0)]
    timer.time_s += 9.9
    _library.error("Unable connect to node with id %s: %s", 1, 7)
    assert heard() == []
    timer.time_s += 0.2
    _library.error("Unable connect to node with id %s: %s", 1, 8)
    _library.error("Unable connect to node with id %s: %s", 1, 9)
    assert heard() == [("Unable connect to node with id 1: 8", 1000)]
    timer.time_s += 1000
    _library.error("Unable connect to node with id %s: %s", 1, 10)
    timer.time_s += 1000
    _library.error("Unable connect to node with id %s: %s", 1, 11)
    assert heard() == [("Unable connect to node with id 1: 10", 1), ("Unable connect to node with id 1: 11", 0)]


@pytest.mark.usefixtures("timer")
def test_our_own_lines_are_all_written(heard: _Heard) -> None:
    for _ in range(10):
        _log.error("redis is away")
    assert heard() == [("redis is away", 0)] * 10


@pytest.mark.usefixtures("timer")
def test_other_things_that_a_library_says_are_written(heard: _Heard) -> None:
    _library.error("cannot accept: %s", "a")
    _library.warning("cannot accept: %s", "b")
    _library.error("cannot connect: %s", "c")
    _library.error("%s", "old.py:1: UserWarning: old")
    _library.error("%s", "new.py:1: UserWarning: new")
    _library.error("connection 17 failed")
    _library.error("connection 18 failed")
    _library.error("session 18 failed")
    assert [message for message, _ in heard()] == [
        "cannot accept: a",
        "cannot accept: b",
        "cannot connect: c",
        "old.py:1: UserWarning: old",
        "new.py:1: UserWarning: new",
        "connection 17 failed",
        "session 18 failed",
    ]


def test_what_is_remembered_of_libraries_is_bounded(
    timer: HandTimer, heard: _Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_MAX_TEMPLATES", 2)
    for name in "abacaba":
        timer.time_s += 0.1
        _library.error(f"{name} failed")
    assert [message[0] for message, _ in heard()] == ["a", "b", "c", "a", "b"]


@pytest.mark.parametrize(("level", "lines"), [("INFO", 1), ("DEBUG", 5)])
@pytest.mark.usefixtures("root")
def test_libraries_are_thinned_unless_somebody_debugs(level: str, lines: int) -> None:
    stream = io.StringIO()
    configure(level, stream)
    for _ in range(5):
        logging.getLogger("any.library").error("gone")
    assert len(stream.getvalue().splitlines()) == lines
