"""A mistake of ours in reading a document costs that document alone, and tells nothing of it."""

import logging
from typing import NoReturn

import pytest
from gateways.asking import on_a_loop
from reports import samples

from stream_detector.collector.writer import Writer
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import Sketch
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.service.pairing import Pairing, PairingOptions
from stream_detector.wire.sources import call_lines
from stream_detector.wire.sources.events import Discretion, Found

_MARKER = "Zanzibarmarkertext"
_LINES = b"\n".join(samples.as_json(samples.call(number, prompt=f"{number} {_MARKER}")) for number in (1, 2, 3))


def _stumble(text: str) -> Sketch:
    return Sketcher(b"salt").sketch(text) if not text.startswith("2") else _fall(text)


def _fall(text: str) -> NoReturn:
    raise LookupError(text)


def _read() -> Found:
    return call_lines.read(_LINES, Discretion(_stumble))


def test_its_neighbours_go_on_and_it_is_refused() -> None:
    found = _read()
    assert [event.call.id for event in found.events] == ["req-1", "req-3"]
    ((index, detail),) = [(each.index, each.error.detail) for each in found.refused]
    assert index == 1
    assert "LookupError" in detail
    assert "please report this" in detail


@on_a_loop
async def test_the_operator_is_told_once_where_and_never_what(caplog: pytest.LogCaptureFixture) -> None:
    writer = Writer(log=None, pairing=Pairing(PairingOptions(wait_s=1.0)), observer=None, most_buffered=10)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(StoreUnavailable):  # it has not begun; what is told is told before
                await writer.submit("calls", _read())
    (record,) = caplog.records
    assert "LookupError" in record.getMessage()
    assert "in _fall" in record.getMessage()
    assert _MARKER not in caplog.text + str(_read())
