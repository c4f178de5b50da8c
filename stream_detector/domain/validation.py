"""One-line explanations of what is wrong with a value: field, value, allowed range."""

import re
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

_PATH = re.compile(r" - at (`key` in )?`\$\.?([^`]*)`$")
_BOUNDS = {"gt": "> {}", "ge": ">= {}", "lt": "< {}", "le": "<= {}"}
_LENGTHS = {"min_length": "at least {} long", "max_length": "at most {} long", "pattern": "of the form {}"}
_GROUP = "named values"
_KINDS = {
    inspect.BoolType: "true or false",
    inspect.DateTimeType: "a date and time with time zone",
    inspect.ListType: "a list",
    inspect.VarTupleType: "a list",
    inspect.DictType: _GROUP,
    inspect.StructType: _GROUP,
}
"""What types without a range allow."""
_MAX_VALUE_CHARS = 200


def explain(error: msgspec.ValidationError, content: object, kind: type) -> str:
    """Say what is wrong, such as `throttle.risk: must be > 0 and <= 1, got '1.5'`.

    Args:
        error: what msgspec raised for `content`.
        content: plain values (dict, list, ...), as decoded from JSON, MessagePack or TOML.
        kind: the type that it should have been.
    """
    text = str(error)
    match = _PATH.search(text)
    path = match.group(2) if match else ""
    text = text[: match.start()] if match else text
    reason = text[:1].lower() + text[1:]
    if match and match.group(1):
        return f"{path}: a name in it: {reason}".removeprefix(": ")
    found, value = _value_at(content, path)
    allowed = _allowed(_info(kind), path)
    if "got `" in reason:
        reason = f"{reason}, must be {allowed}" if allowed else reason
    elif allowed not in {"", _GROUP}:  # of a group the reason says more: which value is missing or wrong
        reason = f"must be {allowed}"
    shown = f", got {shorten(value)!r}" if found and not isinstance(value, (dict, list)) else ""
    return f"{path}: {reason}{shown}".removeprefix(": ")


def shorten(value: object) -> str:
    """At most 200 characters of `value` as text."""
    text = str(value)
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[:_MAX_VALUE_CHARS]}…"


def _value_at(content: Any, path: str) -> tuple[bool, object]:  # noqa: ANN401 - plain values of any shape
    for part in _parts(path):
        if isinstance(content, dict) and part in content:
            content = content[part]
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            return False, None
    return True, content


@cache
def _info(kind: type) -> inspect.Type:
    """Kept: it takes ten times as long as everything else here, and clients cause these errors."""
    return inspect.type_info(kind)


def _allowed(info: inspect.Type, path: str) -> str:
    """The constraints of the type at `path`, in words; empty when there are none or the path cannot be followed."""
    for part in _parts(path):
        info = _child(info, part)
    choices = info.types if isinstance(info, inspect.UnionType) else (info,)
    for choice in choices:
        if isinstance(choice, inspect.EnumType):
            return "one of " + ", ".join(str(member.value) for member in choice.cls)
        bounds = [text.format(getattr(choice, name)) for name, text in _BOUNDS.items() if _is_set(choice, name)]
        lengths = [text.format(getattr(choice, name)) for name, text in _LENGTHS.items() if _is_set(choice, name)]
        if bounds or lengths:
            return " and ".join(bounds + lengths)
    return next((_KINDS[type(choice)] for choice in choices if type(choice) in _KINDS), "")


def _child(info: inspect.Type, part: str) -> inspect.Type:
    choices = info.types if isinstance(info, inspect.UnionType) else (info,)
    for choice in choices:
        if isinstance(choice, inspect.StructType):
            for field in choice.fields:
                if field.encode_name == part:
                    return field.type
        if isinstance(choice, inspect.DictType):
            return choice.value_type
        if isinstance(choice, (inspect.ListType, inspect.VarTupleType)):
            return choice.item_type
    return inspect.AnyType()


def _is_set(info: inspect.Type, name: str) -> bool:
    return getattr(info, name, None) is not None


def _parts(path: str) -> list[str]:
    """`a.b[2].c` -> a, b, 2, c; `[...]`, which msgspec writes for some key of a dict, -> *."""
    return [part for part in re.split(r"[.\[\]]+", path.replace("[...]", ".*")) if part]
