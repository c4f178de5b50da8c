"""Any JSON -> calls, through a mapping file (TOML) that says where each of our fields lies; see docs/sources.md.

    [fields]
    ts = { path = "time", unit = "ms" }
    client = "auth.account"
    tier = { value = "pro" }
    "params.temperature" = "request.temperature"
    prompt = "request.messages"

A path is names with dots between them, and `[0]` for a place in a list; a name with a dot in it needs a path in the form
of a list: `["http.status"]`. A value that is not there is left out.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Self

import msgspec
from msgspec import Struct

from stream_detector.domain.calls import ApiCall, Params
from stream_detector.domain.errors import ConfigError
from stream_detector.domain.validation import explain
from stream_detector.wire.sources import values
from stream_detector.wire.sources.documents import gather_json
from stream_detector.wire.sources.events import Discretion, Draft, Found, Part, id_of
from stream_detector.wire.sources.prompts import text_of

_PATH = re.compile(r"[^.\[\]]+(\[[0-9]{1,6}\])*(\.[^.\[\]]+(\[[0-9]{1,6}\])*)*")
_STEP = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")
_PARAMS = "params."
_TARGETS: Final = frozenset(ApiCall.__struct_fields__) - {"sketch", "params"} | {"event"}
_PARAM_TARGETS: Final = frozenset(_PARAMS + name for name in Params.__struct_fields__)
_MOMENTS = frozenset({"ts", "client_created_ts"})
_DURATIONS = frozenset({"latency_ms"})
_REQUIRED = ("ts", "client")


class Unit(StrEnum):
    """Of a time or a duration."""

    NS = "ns"
    US = "us"
    MS = "ms"
    S = "s"


_SECONDS: Final = {Unit.NS: 1e-9, Unit.US: 1e-6, Unit.MS: 1e-3, Unit.S: 1.0}


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says of one field."""

    path: str | list[str | int] | None = None
    value: str | int | float | bool | None = None
    unit: Unit | None = None


_Given = str | list[str | int] | _Entry


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    fields: dict[str, object]


class _Rule(Struct, frozen=True):
    """How one field is found."""

    target: str
    steps: tuple[str | int, ...]
    constant: object
    understand: Callable[[object], object]


class FieldMap(Struct, frozen=True):
    """A mapping file, read and checked."""

    rules: tuple[_Rule, ...]

    @classmethod
    def parse(cls, content: str, name: str) -> Self:
        """Read the text of a mapping file.

        Raises:
            ConfigError: one line with the file's `name`, the field, its value and what is allowed.
        """
        try:
            tree = tomllib.loads(content)
            file = msgspec.convert(tree, _File)
        except tomllib.TOMLDecodeError as error:
            message = f"{name}: not valid TOML: {error}"
            raise ConfigError(message) from error
        except msgspec.ValidationError as error:
            message = f"{name}: {explain(error, tree, _File)}"
            raise ConfigError(message) from error
        try:
            entries = {target: _entry(target, given) for target, given in file.fields.items()}
            _demand(entries)
            return cls(tuple(_rule(target, entry) for target, entry in entries.items()))
        except ValueError as error:
            message = f"{name}: fields.{error}"
            raise ConfigError(message) from error

    def read(self, body: bytes, discretion: Discretion, part: Part = Part.WHOLE) -> Found:
        """Read one document, an array of them, or one a line."""
        return gather_json(body, self._draft, discretion=discretion, part=part)

    def _draft(self, document: Mapping[str, object]) -> Draft:
        fields: dict[str, object] = {}
        params: dict[str, object] = {}
        for rule in self.rules:
            found = rule.constant if rule.constant is not None else _follow(document, rule.steps)
            value = rule.understand(found)
            if rule.target.startswith(_PARAMS):
                params[rule.target.removeprefix(_PARAMS)] = value
            else:
                fields[rule.target] = value
        text, event = fields.pop("prompt", None), fields.pop("event", None)
        fields["params"] = params or None
        if fields.get("id") is None:
            fields["id"] = id_of(document)
        return Draft(
            fields,
            text if isinstance(text, str) else None,
            next((part for part in Part if part == event), None),
        )


def _entry(target: str, given: object) -> _Entry:
    """What the file says of a field, in its long form."""
    try:
        entry = msgspec.convert(given, _Given)
    except msgspec.ValidationError as error:
        message = f"{target}: {explain(error, given, _Entry)}"
        raise ValueError(message) from error
    return entry if isinstance(entry, _Entry) else _Entry(path=entry)


def _demand(entries: Mapping[str, _Entry]) -> None:
    """Fields without which nothing can be used are there."""
    is_completion = entries.get("event") == _Entry(value=Part.COMPLETION.value)
    for name in _REQUIRED:
        if name not in entries and not (name == "client" and is_completion):
            message = f'{name}: missing, must say where it lies, such as {name} = "path.to.it"'
            raise ValueError(message)


def _rule(target: str, given: _Entry) -> _Rule:
    if target not in _TARGETS | _PARAM_TARGETS:
        message = f"{target}: no such field, must be one of {', '.join(sorted(_TARGETS | _PARAM_TARGETS))}"
        raise ValueError(message)
    if (given.path is None) == (given.value is None):
        message = f"{target}: must have either a path or a value"
        raise ValueError(message)
    if given.unit is not None and target not in _MOMENTS | _DURATIONS:
        message = f"{target}.unit: must not be there, got {given.unit.value!r}; only times and durations have one"
        raise ValueError(message)
    return _Rule(target, _steps(target, given.path), given.value, _understanding(target, given.unit))


def _steps(target: str, path: str | list[str | int] | None) -> tuple[str | int, ...]:
    if isinstance(path, str):
        if not _PATH.fullmatch(path):
            message = f"{target}: must be a path such as a.b[0].c, got {path[:200]!r}"
            raise ValueError(message)
        return tuple(int(place) if place else name for place, name in _STEP.findall(path))
    return tuple(path or ())


def _understanding(target: str, unit: Unit | None) -> Callable[[object], object]:
    """How the value of a field is read."""
    if target in _MOMENTS:
        factor = _SECONDS[unit or Unit.S]
        moment = _or_itself(values.moment_s)
        return lambda value: moment(value) if unit is None else _times(value, factor)
    if target in _DURATIONS:
        factor = _SECONDS[unit or Unit.MS] * 1000
        return lambda value: _times(value, factor)
    return _READERS.get(target, lambda value: value)


def _times(value: object, factor: float) -> object:
    """A number in our unit; what is no number stays, so that the note can show it."""
    found = values.number(value)
    return value if found is None else found * factor


def _or_itself(understand: Callable[[object], object]) -> Callable[[object], object]:
    def reader(value: object) -> object:
        found = understand(value)
        return value if found is None else found

    return reader


_READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "prompt": text_of,
    "ip": _or_itself(values.address),
    **dict.fromkeys(("id", "client", "org", "user", "tier", "ua", "model", "route", "payment"), values.text),
    **dict.fromkeys(("status", "input_tokens", "output_tokens", "ip_asn"), _or_itself(values.whole)),
    "stream": _or_itself(values.truth),
}


def _follow(content: object, steps: tuple[str | int, ...]) -> object:
    for step in steps:
        if isinstance(step, str) and isinstance(content, dict):
            content = content.get(step)
        elif isinstance(step, int) and isinstance(content, list) and -len(content) <= step < len(content):
            content = content[step]
        else:
            return None
    return content
