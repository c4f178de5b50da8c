"""Links lead somewhere; commands, options and metrics that pages name exist; paths too."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
import typer.core
from documents.reading import PAGES, ROOT, anchors, blocks, prose
from prometheus_client import CollectorRegistry

from stream_detector.adapters.metrics import CollectorMetrics, HookMetrics, WorkerMetrics
from stream_detector.cli import app

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FOLDERS = ("stream_detector/", "tests/", "docs/", "deploy/", ".ci/")

pages = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


class _Call(NamedTuple):
    """A use of our command line on a page."""

    page: str
    words: list[str]


def _calls() -> Iterator[_Call]:
    for path in PAGES:
        text = path.read_text("utf-8")
        lines = [line for block in blocks("sh", "console", "", path=path) for line in block.text.splitlines()]
        for source in [*lines, *_CODE.findall(prose(text))]:
            match = re.search(r"(?:^|[\s/])stream-detector ([a-z][a-z-]*(?: .*)?)$", source.split(" | ")[-1])
            if match:
                yield _Call(path.name, match[1].split())


def _commands() -> dict[str, set[str]]:
    """Command -> its options."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        for name, command in group.commands.items()
    }


@pages
def test_links_lead_somewhere(path: Path) -> None:
    for target in _LINK.findall(prose(path.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), f"{target}: no such heading"


@pages
def test_paths_that_a_page_names_exist(path: Path) -> None:
    for code in _CODE.findall(prose(path.read_text("utf-8"))):
        if code.startswith(_FOLDERS) and re.fullmatch(r"[\w./-]+", code):
            assert (ROOT / code).exists(), code


def test_commands_and_options_that_pages_name_exist() -> None:
    commands, named = _commands(), list(_calls())
    assert len(named) > 10
    for call in named:
        command, *rest = call.words
        assert command in commands, f"{call.page}: no command {command}"
        options = {match for word in rest for match in re.findall(r"--[a-z][a-z-]*", word)}
        assert options <= commands[command], f"{call.page}: {command} has no {options - commands[command]}"


def test_offline_page_names_every_option_of_its_commands() -> None:
    text = (ROOT / "docs" / "offline.md").read_text("utf-8")
    for command in ("replay", "simulate"):
        assert [option for option in _commands()[command] - {"--help"} if f"`{option}`" not in text] == []


def test_pages_name_only_metrics_that_exist() -> None:
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    HookMetrics(registry)
    CollectorMetrics(registry)
    known = {sample.name for metric in registry.collect() for sample in metric.samples}
    known |= {f"{name}_total" for name in registry._names_to_collectors} | set(registry._names_to_collectors)
    for path in ROOT.glob("docs/*.md"):
        named = set(re.findall(r"`(stream_detector_[a-z_]+)`", path.read_text("utf-8")))
        assert named <= known | {"stream_detector_hook"}, path.name
