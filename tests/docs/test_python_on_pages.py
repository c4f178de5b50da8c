"""The Python code on the pages runs, with a producer of our own in place of Kafka's."""

import json
from typing import Any, ClassVar

import pytest
from documents.reading import ROOT, Block, blocks

from stream_detector.domain.calls import ApiCall
from stream_detector.wire import calls

_CALLS = ROOT / "docs" / "calls.md"


def _read(content: bytes) -> ApiCall:
    (call,) = calls.decode(content, max_bytes=1 << 20).calls
    return call


class _Producer:
    """Takes the place of KafkaProducer."""

    sent: ClassVar[list[tuple[str, bytes, bytes]]] = []

    def __init__(self, **_settings: object) -> None:
        self.sent.clear()

    def send(self, topic: str, *, key: bytes, value: bytes) -> None:
        self.sent.append((topic, key, value))

    def flush(self) -> None:
        self.sent.append(("flushed", b"", b""))


def test_python_on_the_page_writes_calls_that_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kafka.KafkaProducer", _Producer)
    producing, _sketching = blocks("python", path=_CALLS)
    exec(compile(producing.text, str(producing), "exec"), {})  # noqa: S102 - our own page
    (topic, key, value), last = _Producer.sent
    assert (topic, key, last[0]) == ("api-calls", b"acct-7", "flushed")
    call = _read(value)
    assert (call.client, call.output_tokens, call.prompt) == ("acct-7", 412, "Explain why the sky is blue.")


def test_python_on_the_page_makes_the_sketch_that_the_worker_would_make() -> None:
    _producing, sketching = blocks("python", path=_CALLS)
    names: dict[str, Any] = {}
    exec(compile(sketching.text, str(sketching), "exec"), names)  # noqa: S102 - our own page
    sketch = names["sketch_of"]("Why is the sky blue?")
    call = _read(json.dumps({"id": "1", "ts": 0.0, "client": "a", "sketch": sketch}).encode())
    assert call.sketch == names["sketcher"].sketch("Why is the sky blue?")


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_on_every_page_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")
