"""docs/policy.md, its example file and `Policy` say the same."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from documents.reading import ROOT, Block, blocks, page, rows, section, words_of
from msgspec import inspect

from stream_detector.detection.detectors.catalogue import names
from stream_detector.detection.policy import AllowEntry, Policy
from stream_detector.settings import load_policy

_EXAMPLE = ROOT / "docs" / "examples" / "policy.toml"
_PARTS = ("throttle", "block", "repeat", "valve", "feedback")


def _type(path: str) -> inspect.Type:
    """The type of `throttle.risk`, `detectors.NAME.mode` or `allowlist`."""
    kind: inspect.Type = inspect.type_info(Policy)
    for part in path.split("."):
        if isinstance(kind, inspect.DictType):
            kind = kind.value_type
        else:
            assert isinstance(kind, inspect.StructType)
            kind = next(field.type for field in kind.fields if field.name == part)
    return kind


def _fields() -> Iterator[str]:
    for name in Policy.__struct_fields__:
        path = f"{name}.NAME" if isinstance(_type(name), inspect.DictType) else name
        kind = _type(path)
        if isinstance(kind, inspect.StructType):
            yield from (f"{path}.{field.name}" for field in kind.fields)
        else:
            yield path


def _default(path: str) -> object:
    value: object = Policy()
    for part in path.replace("detectors.NAME", "of").split("."):
        value = Policy().of("coverage") if part == "of" else getattr(value, part)
    return value


def _documented() -> dict[str, list[str]]:
    return {row[0].strip("`"): row[1:] for row in rows(section(page("policy"), "Fields")) if row[0].startswith("`")}


def test_page_documents_every_field_and_no_other() -> None:
    assert set(_documented()) == set(_fields())


@pytest.mark.parametrize("path", list(_fields()))
def test_every_field_is_documented_with_values_and_default(path: str) -> None:
    values, default, meaning = _documented()[path]
    assert values == words_of(_type(path))
    expected = _default(path)
    if isinstance(expected, bool):
        expected = str(expected).lower()
    elif isinstance(expected, float) and expected.is_integer():
        expected = int(expected)
    assert default == ("(empty)" if expected == () else f"`{expected}`")
    assert meaning


def test_page_documents_every_field_of_an_allowlist_entry() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows(section(page("policy"), "Allowlist"))[1:]}
    assert documented == {
        field.name: words_of(field.type)
        for field in inspect.type_info(AllowEntry).fields  # type: ignore[attr-defined]
    }


def test_example_file_is_the_built_in_policy() -> None:
    policy = load_policy(str(_EXAMPLE))
    assert msgspec.structs.replace(policy, detectors={}) == Policy()
    assert all(policy.of(name) == Policy().of(name) for name in names())


def test_example_file_leaves_nothing_out() -> None:
    content = tomllib.loads(_EXAMPLE.read_text("utf-8"))
    assert set(content) == set(Policy.__struct_fields__)
    assert all(set(content[part]) == set(getattr(Policy(), part).__struct_fields__) for part in _PARTS)
    assert set(content["detectors"]) == names()
    assert all(set(part) == {"mode", "weight"} for part in content["detectors"].values())


@pytest.mark.parametrize("block", [each for each in blocks("toml") if each.page != "sources.md"], ids=str)
def test_every_snippet_is_accepted(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(block.text)
    assert load_policy(str(path)) != Policy()
