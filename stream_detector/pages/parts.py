"""Parts of pages: tiles, cells, tables. Text is escaped here; what is passed on as rows is ready."""

import html
from collections.abc import Iterable, Sequence
from importlib import resources


def style() -> str:
    """The style sheet, to be put into the page: pages need no network."""
    return resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")


def tile(value: str, label: str, style: str = "") -> str:
    """A number that stands out; `style` is `good`, `bad` or nothing."""
    return f'<div class="tile {style}"><b>{html.escape(value)}</b><span>{html.escape(label)}</span></div>'


def word(content: str, class_: str, detail: str = "") -> str:
    """A cell with a word that stands out."""
    return f'<td><span class="{class_}">{html.escape(content)}</span>{_small(detail)}</td>'


def cell(content: str, class_: str = "", detail: str = "") -> str:
    """A cell, with a remark below."""
    return f'<td class="{class_}">{html.escape(content)}{_small(detail)}</td>'


def _small(detail: str) -> str:
    return f"<small>{html.escape(detail)}</small>" if detail else ""


def table(label: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in a region that scrolls; a head that ends with `#` stands over numbers."""
    head = "".join(
        f'<th scope="col" class="{"number" if name.endswith("#") else ""}">{html.escape(name.removesuffix("#"))}</th>'
        for name in heads
    )
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" role="region" aria-label="{html.escape(label)}" tabindex="0">{table}</div>'
