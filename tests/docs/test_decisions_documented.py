"""docs/decisions.md and the decision say the same."""

import json
import re
from typing import Any

import pytest
from documents.reading import ROOT, blocks, page, rows, section, words_of
from msgspec import Struct, inspect

from stream_detector.detection.detectors.catalogue import build_all
from stream_detector.domain.decisions import Action, Decision, Limit, Reason, Source, SubjectKind

_TABLES: dict[str, type[Struct]] = {
    "Field": Decision,
    "Field of `limit`": Limit,
    "Field of a reason": Reason,
    "Field of `source`": Source,
}


def _documented(title: str) -> dict[str, str]:
    """Field -> values, of the table whose first column has this title."""
    all_rows = rows(section(page("decisions"), "Fields"))
    start = next(number for number, row in enumerate(all_rows) if row[0] == title) + 1
    found: dict[str, str] = {}
    for row in all_rows[start:]:
        if row[0].startswith("Field"):
            break
        found[row[0].strip("`")] = row[1]
    return found


@pytest.mark.parametrize("title", _TABLES)
def test_page_documents_every_field_with_its_values(title: str) -> None:
    fields = inspect.type_info(_TABLES[title]).fields  # type: ignore[attr-defined]
    assert _documented(title) == {field.name: words_of(field.type) for field in fields}


def test_page_lists_every_kind_of_subject() -> None:
    assert [row[0].strip("`") for row in rows(section(page("decisions"), "Subjects"))[1:]] == list(SubjectKind)


def test_page_lists_every_action() -> None:
    assert [row[0].strip("`") for row in rows(section(page("decisions"), "Actions"))[1:]] == list(Action)


def _examples() -> list[dict[str, Any]]:
    """The one on the page, then those in the file."""
    shown = blocks("json", path=ROOT / "docs" / "decisions.md")[0].text
    more = (ROOT / "docs" / "examples" / "decisions.jsonl").read_text("utf-8")
    return [json.loads(text) for text in (shown, *more.splitlines())]


def test_examples_give_reasons_as_detectors_give_them_now() -> None:
    """Run `make examples` when they do not, and copy the first to the page."""
    families = {each.name: each.family for each in build_all()}
    reasons = [reason for example in _examples() for reason in example["reasons"]]
    assert reasons
    for reason in reasons:
        told = section(page("detectors"), f"`{reason['detector']}`").split("**Evidence**")[1]
        assert reason["family"] == families[reason["detector"]]
        assert reason["evidence"].keys() <= set(re.findall(r"`(\w+)`", told)), reason["detector"]
