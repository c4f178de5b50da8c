"""CONTRIBUTING.md describes the repository as it is."""

import re

from documents.reading import ROOT, rows, section

_PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def _folders_with_tests() -> set[str]:
    return {f"tests/{path.parent.name}" for path in (ROOT / "tests").glob("*/test_*.py")}


def test_page_lists_every_make_target_and_no_other() -> None:
    targets = re.findall(r"^([a-z]+):.*  ## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    listed = [row[0].strip("`").removeprefix("make ") for row in rows(section(_PAGE, "Set up"))[1:]]
    assert sorted(listed) == sorted(set(targets) - {"help"})


def test_page_says_of_every_folder_with_tests_what_belongs_there() -> None:
    listed = {row[0].strip("`") for row in rows(section(_PAGE, "Tests"))[1:]}
    assert listed == _folders_with_tests() | {"tests/benchmarks"}


def test_file_names_are_unique_over_all_test_folders() -> None:
    names = [path.name for path in (ROOT / "tests").glob("*/test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_steps_for_a_detector_are_numbered_without_a_gap() -> None:
    numbers = re.findall(r"^(\d+)\. ", section(_PAGE, "How to add a detector"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]


def test_every_name_that_the_steps_for_a_detector_use_is_in_the_code() -> None:
    steps = section(_PAGE, "How to add a detector")
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "stream_detector" / "detection").rglob("*.py"))
    named = set(re.findall(r"`([A-Za-z_]+)`", steps))
    assert [name for name in named if not re.search(rf"\b{name}\b", source)] == []
