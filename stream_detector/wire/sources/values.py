"""Plain values as foreign logs write them -> values of ours; None for what cannot be understood."""

import ipaddress
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Final, get_type_hints

import msgspec

from stream_detector.domain.calls import Params
from stream_detector.wire import damaged

_BIASES: Final = get_type_hints(Params, include_extras=True)["logit_bias"]
_MOST_BIASES = 1024
_ABSENT = frozenset({"", "-", "null", "None"})
_MOST_DIGITS = 30
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def text(value: object) -> str | None:
    """Text; a number counts as its digits.

    >>> text(" a "), text(7), text("-"), text([])
    ('a', '7', None, None)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**_MOST_DIGITS else None
    if not isinstance(value, str) or (stripped := value.strip()) in _ABSENT:
        return None
    return stripped


def number(value: object) -> float | None:
    """A finite number; text that says one counts.

    >>> number("0.5"), number(2), number("inf"), number(True)
    (0.5, 2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: object) -> int | None:
    """A whole number of at most 30 digits; text that says one counts.

    >>> whole("42"), whole(3.0), whole(3.5), whole("x"), whole(10**400)
    (42, 3, None, None, None)
    """
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= _MOST_DIGITS:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        found = number(value)
        if found is None or not found.is_integer():
            return None
        value = int(found)
    return value if abs(value) < 10**_MOST_DIGITS else None


def truth(value: object) -> bool | None:
    """Yes or no.

    >>> truth("true"), truth(False), truth("perhaps")
    (True, False, None)
    """
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(value.lower()) if isinstance(value, str) else None


def moment_s(value: object) -> float | None:
    """Seconds since 1970, of a number of seconds or of a time in RFC 3339; without a zone it is UTC.

    >>> moment_s("2026-01-05T00:00:00.250Z"), moment_s(1767571200), moment_s("yesterday")
    (1767571200.25, 1767571200.0, None)
    """
    seconds = number(value)
    if seconds is not None or not isinstance(value, str):
        return seconds
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def address(value: object) -> str | None:
    """An IP address, of text that may have a port.

    >>> address("192.0.2.1:443"), address("[2001:db8::1]:443"), address("2001:db8::1"), address("a.example")
    ('192.0.2.1', '2001:db8::1', '2001:db8::1', None)
    """
    if not isinstance(value, str):
        return None
    bare = value.strip().split(",")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare.partition("%")[0]))
    except ValueError:
        return None


def encodable(given: str) -> str:
    """Text with question marks for halves of characters, which UTF-8 cannot express."""
    return given if given.isascii() else given.encode("utf-8", "replace").decode().replace(damaged.STAND_IN, "?")


def biases(given: Mapping[object, object]) -> dict[str, float]:
    """Token ids as text -> biases, of those that a call may have, at most 1024; zeros before an id say nothing.

    >>> biases({"007": 5, 50256: -100, "x" * 33: 1, "8": "high"})
    {'7': 5, '50256': -100}
    """
    named = {_token(token): bias for token, bias in given.items()}
    if fits(named, _BIASES):
        return named  # type: ignore[return-value]
    fitting = ((token, bias) for token, bias in named.items() if fits({token: bias}, _BIASES))
    return dict(islice(fitting, _MOST_BIASES))  # type: ignore[arg-type]


def fits(value: object, kind: object) -> bool:
    """Whether a plain value is of a type, and in its range."""
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


def _token(given: object) -> str:
    name = encodable(str(given))
    return name.lstrip("0") or "0" if name.isascii() and name.isdigit() else name
