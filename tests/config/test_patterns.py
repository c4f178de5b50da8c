"""The patterns of settings, policy and contracts: none lets a line end through that nobody sees."""

import re
from collections.abc import Iterator

import pytest
from msgspec import inspect

from stream_detector.detection.policy import Policy
from stream_detector.settings import Settings
from stream_detector.wire.schema import CONTRACTS


def _texts(kind: inspect.Type, path: str, seen: frozenset[type] = frozenset()) -> Iterator[tuple[str, str]]:
    """Where a text stands -> its pattern, however deep in `kind`."""
    match kind:
        case inspect.StrType(pattern=str(pattern)):
            yield path, pattern
        case inspect.StructType() if kind.cls not in seen:
            for field in kind.fields:
                yield from _texts(field.type, f"{path}.{field.encode_name}", seen | {kind.cls})
        case inspect.UnionType(types) | inspect.TupleType(types):
            for each in types:
                yield from _texts(each, path, seen)
        case inspect.DictType():
            yield from _texts(kind.key_type, f"{path}.*", seen)
            yield from _texts(kind.value_type, f"{path}.*", seen)
        case inspect.CollectionType():
            yield from _texts(kind.item_type, f"{path}[]", seen)


_PATTERNS = dict(
    each for kind in (Settings, Policy, *CONTRACTS.values()) for each in _texts(inspect.type_info(kind), kind.__name__)
)


def test_patterns_are_found_at_every_depth() -> None:
    assert {"Settings.hook_feed_token", "Settings.key_prefix", "Decision.mark"} <= set(_PATTERNS)


@pytest.mark.parametrize("where", sorted(_PATTERNS))
def test_pattern_reaches_from_the_first_to_the_last_character(where: str) -> None:
    pattern = _PATTERNS[where]
    assert pattern.startswith("^"), "msgspec searches: text may stand before it"
    assert pattern.endswith(r"\Z"), r"`$` matches before a line end, too; write \Z"
    assert "$" not in pattern
    assert "|" not in _outside_brackets(pattern), "each end would bind one alternative only"


def _outside_brackets(pattern: str) -> str:
    shorter = re.sub(r"\([^()]*\)", "", pattern)
    return shorter if shorter == pattern else _outside_brackets(shorter)
