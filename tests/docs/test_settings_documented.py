"""docs/settings.md and `Settings` say the same."""

import re

import pytest
from documents.reading import ROOT, blocks, page, rows, words_of
from msgspec import inspect

from stream_detector.settings import PREFIX, Settings

_FIELDS = {field.name: field for field in inspect.type_info(Settings).fields}  # type: ignore[attr-defined]
_DOCUMENTED = {row[0].strip("`"): row[1:] for row in rows(page("settings")) if row[0].startswith("`")}


def _written(default: object) -> str:
    if default == "":
        return "(empty)"
    return f"`{default:g}`" if isinstance(default, float) and default < 1000 else f"`{default}`".replace(".0`", "`")


def test_page_documents_every_setting_and_no_other() -> None:
    assert set(_DOCUMENTED) == {PREFIX + name.upper() for name in _FIELDS}
    assert len(re.findall(rf"^\| `{PREFIX}", page("settings"), re.MULTILINE)) == len(_FIELDS), "one is there twice"


@pytest.mark.parametrize("name", sorted(_FIELDS))
class TestEverySetting:
    def test_is_documented_with_its_values(self, name: str) -> None:
        assert _DOCUMENTED[PREFIX + name.upper()][0] == words_of(_FIELDS[name].type)

    def test_is_documented_with_its_default(self, name: str) -> None:
        assert _DOCUMENTED[PREFIX + name.upper()][1] == _written(_FIELDS[name].default)

    def test_has_a_meaning(self, name: str) -> None:
        assert len(_DOCUMENTED[PREFIX + name.upper()][2]) > 10


def test_example_is_accepted() -> None:
    (example,) = blocks("env", path=ROOT / "docs" / "settings.md")
    variables = dict(line.split("=", 1) for line in example.text.splitlines())
    assert Settings.from_env(variables) != Settings()


@pytest.mark.parametrize(
    "path", [ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")], ids=str
)
def test_pages_name_only_settings_that_exist(path: object) -> None:
    text = (ROOT / str(path)).read_text("utf-8")
    tests_own = {"STREAM_DETECTOR_DATA", "STREAM_DETECTOR_TEST_KAFKA", "STREAM_DETECTOR_TEST_REDIS"}
    named = set(re.findall(r"\bSTREAM_DETECTOR_[A-Z_]+[A-Z]\b", text))
    assert named - tests_own <= {PREFIX + name.upper() for name in _FIELDS}
