"""The examples in docstrings are right, and every detector has one."""

import doctest
import importlib
from pathlib import Path

import pytest

import stream_detector
from stream_detector.detection.detectors.catalogue import build_all

_PACKAGE = Path(stream_detector.__file__).parent


def _modules_with_examples() -> list[str]:
    files = [path for path in _PACKAGE.rglob("*.py") if ">>> " in path.read_text("utf-8")]
    return sorted(".".join(path.relative_to(_PACKAGE.parent).with_suffix("").parts) for path in files)


@pytest.mark.parametrize("name", _modules_with_examples())
def test_examples_in_docstrings_are_right(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("detector", build_all(), ids=lambda detector: detector.name)
def test_every_detector_explains_itself_with_limits_parameters_source_and_example(detector: object) -> None:
    text = type(detector).__doc__ or ""
    assert [part for part in ("Misses", "Parameters:", "Reference:", ">>> ") if part not in text] == []
