"""The result on disk."""

from pathlib import Path

import msgspec

from stream_detector.domain.errors import ConfigError
from stream_detector.quality import markdown, report
from stream_detector.quality.results import Result

_NAME = "quality"


def make_folder(folder: Path) -> None:
    """Make the folder before the long part.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"--out: {str(folder)!r} cannot be made: {error.strerror}; name a folder where you may write"
        raise ConfigError(message) from error


def write(result: Result, folder: Path) -> tuple[Path, ...]:
    """Write the result as JSON, Markdown and HTML; returns where."""
    contents = {
        ".json": msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n",
        ".md": markdown.render(result),
        ".html": report.render(result),
    }
    paths = []
    for suffix, content in contents.items():
        path = folder / f"{_NAME}{suffix}"
        path.write_text(content, encoding="utf-8")
        paths.append(path)
    return tuple(paths)
