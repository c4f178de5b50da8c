"""What docs/sources.md shows is what the collector takes and says."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import yaml
from documents.reading import ROOT, blocks, page

from stream_detector.collector.replies import taken
from stream_detector.collector.routes import JSON, Posted, routes
from stream_detector.detection.sketching import Sketcher
from stream_detector.wire.sources import call_lines, envoy_log
from stream_detector.wire.sources.events import Discretion, Found, Part
from stream_detector.wire.sources.mapped import FieldMap

_PAGE = ROOT / "docs" / "sources.md"
_SKETCH = Sketcher(b"salt").sketch
_DISCRETION = Discretion(_SKETCH)
_FIELD_MAP = FieldMap.parse(blocks("toml", path=_PAGE)[0].text, "docs/sources.md")
_ROUTES = routes("stream_detector.client", _FIELD_MAP)


class _Curl(NamedTuple):
    path: str
    part: Part
    headers: dict[str, str]
    body: bytes


def _curls() -> Iterator[_Curl]:
    for block in blocks("sh", path=_PAGE):
        text = block.text.replace("$(date +%s)", "1767571200").replace("$(date -u +%FT%TZ)", "2026-01-05T00:00:00Z")
        for command in re.split(r"\n(?=\S)", text):
            words = shlex.split(command)
            if words[0] != "curl":
                continue
            url = urlsplit(next(word for word in words if word.startswith("http://")))
            headers = [words[index + 1].split(": ") for index, word in enumerate(words) if word == "-H"]
            part = Part(url.query.removeprefix("event=") or "whole")
            yield _Curl(url.path, part, {"content-type": JSON} | dict(headers), words[words.index("-d") + 1].encode())


def _json_examples() -> list[dict[str, object]]:
    return [json.loads(block.text) for block in blocks("json", path=_PAGE)]


def test_page_names_every_path_and_no_other() -> None:
    named = set(re.findall(r"^\| `(/v1/\w+)` \|", page("sources"), re.MULTILINE))
    assert named == set(_ROUTES)


@pytest.mark.parametrize("curl", list(_curls()), ids=lambda curl: f"{curl.path} {curl.part}")
def test_what_curl_posts_is_accepted(curl: _Curl) -> None:
    kind = curl.headers["content-type"]
    found = _ROUTES[curl.path].read(Posted(curl.body, kind, curl.part, curl.headers), _DISCRETION)
    assert (len(found.events), found.refused, found.left_out) == (1, [], [])
    assert found.events[0].part is curl.part


def test_there_are_four_commands_to_try() -> None:
    assert len(list(_curls())) == 4


def test_the_line_of_envoys_log_has_what_the_format_gives_and_is_accepted() -> None:
    formats = [yaml.safe_load(block.text) for block in blocks("yaml", path=_PAGE) if "json_format" in block.text]
    (log_format,) = (each["access_log"][0]["typed_config"]["log_format"]["json_format"] for each in formats)
    line = next(each for each in _json_examples() if "start_time" in each)
    found = envoy_log.read(json.dumps(line).encode(), _DISCRETION)
    assert line.keys() == log_format.keys()
    assert (found.refused, found.left_out) == ([], [])
    said = {
        name for name in type(found.events[0].call).__struct_fields__ if getattr(found.events[0].call, name) is not None
    }
    assert said == {"ts" if name == "start_time" else "route" if name == "path" else name for name in line}


def test_the_mapping_takes_the_document_below_it_whole() -> None:
    document = next(each for each in _json_examples() if "auth" in each)
    (event,) = _FIELD_MAP.read(json.dumps(document).encode(), _DISCRETION).events
    call = event.call
    assert (call.id, call.client, call.tier, call.status, call.latency_ms) == ("req-1", "acct-7", "pro", 200, 1500.0)
    assert (call.ts, call.output_tokens) == (1_767_571_200.0, 412)
    assert call.sketch == _SKETCH("Explain why the sky is blue.")


def test_the_answer_looks_like_this() -> None:
    shown = next(each for each in _json_examples() if "accepted" in each)
    lines = [
        {"id": "1", "ts": 5, "client": "a"},
        {"id": "2", "ts": 5},
        {"id": "3", "ts": 5, "client": "a", "status": 42},
    ]
    found: Found = call_lines.read(json.dumps(lines).encode(), _DISCRETION)
    assert json.loads(taken(found, is_held=False).body) == shown


def test_page_and_catalogue_name_the_same_sources() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert [route.source for route in _ROUTES.values() if f"`{route.source}`" not in text] == []
