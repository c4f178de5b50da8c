"""Which topic holds which format: `TOPIC=FORMAT` or `TOPIC=FORMAT:HALF`, comma-separated; a format is the end of its path."""

import re
from collections.abc import Collection, Mapping

from msgspec import Struct

from stream_detector.collector.routes import Route
from stream_detector.domain.errors import ConfigError
from stream_detector.wire.sources.events import Part

_PATH = "/v1/"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


class TopicRoute(Struct, frozen=True):
    """What a topic holds."""

    route: Route
    part: Part = Part.WHOLE


def parse_topics(text: str, routes: Mapping[str, Route], ours: Collection[str], name: str) -> dict[str, TopicRoute]:
    """What the operator says of topics.

    Args:
        text: what is said.
        routes: path -> what it takes.
        ours: topics that this installation writes; read as events they would never end.
        name: of the setting, for messages.

    Raises:
        ConfigError: not of the form, no such format, a topic that is there twice, or one of ours.
    """
    formats = {path.removeprefix(_PATH): route for path, route in routes.items()}
    found: dict[str, TopicRoute] = {}
    for entry in map(str.strip, text.split(",")):
        topic, _, said = map(str.strip, entry.partition("="))
        kind, _, half = said.partition(":")
        problem = _problem(entry, topic, kind, half, formats)
        if topic in ours:
            problem = f"{topic!r} is written by ourselves; name a topic that others write"
        elif topic in found:
            problem = f"{topic!r} is there twice, must be there once"
        if problem:
            message = f"{name}: {problem}"
            raise ConfigError(message)
        found[topic] = TopicRoute(formats[kind], Part(half or Part.WHOLE))
    return found


def _problem(entry: str, topic: str, kind: str, half: str, formats: Collection[str]) -> str:
    if not topic or not kind:
        return f"must be TOPIC=FORMAT, comma-separated, such as otlp_spans=traces,otlp_logs=logs, got {entry!r}"
    if not _NAME.fullmatch(topic):
        return f"{topic!r} is no name of a topic, must be letters, digits, '.', '_' and '-', at most 249"
    if kind not in formats:
        missing = "; it needs STREAM_DETECTOR_COLLECTOR_MAPPING" if kind == "mapped" else ""
        return f"{entry!r}: the format must be one of {', '.join(sorted(formats))}{missing}"
    if half not in {"", Part.REQUEST, Part.COMPLETION}:
        return f"{entry!r}: the half must be {Part.REQUEST} or {Part.COMPLETION}"
    return ""
