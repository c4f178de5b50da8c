"""Documents as their readers see them: tables, code blocks, headings; and types in the words that the documents use."""

import re
from pathlib import Path
from typing import NamedTuple

from msgspec import inspect

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")])

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"(?<!\\)\|")


class Block(NamedTuple):
    """A fenced code block."""

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}#{self.number}"


def page(name: str) -> str:
    """The text of `docs/NAME.md`."""
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


def blocks(*languages: str, path: Path | None = None) -> list[Block]:
    """Code blocks in these languages, of one page or of all; the indentation of a block inside a list is removed."""
    found: list[Block] = []
    for each in PAGES if path is None else [path]:
        for number, match in enumerate(_BLOCK.finditer(each.read_text("utf-8")), 1):
            if match[2] in languages:
                text = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
                found.append(Block(each.name, number, match[2], text))
    return found


def prose(text: str) -> str:
    """The text without its code blocks."""
    return _BLOCK.sub("", text)


def rows(text: str) -> list[list[str]]:
    """Cells of all rows of all tables, without the lines under the headings."""
    lines = [line for line in prose(text).splitlines() if line.startswith("|") and not set(line) <= set("|-: ")]
    return [[cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]] for line in lines]


def section(text: str, heading: str) -> str:
    """What stands under a heading of any level, up to the next of the same or a higher one."""
    match = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert match, f"no heading {heading!r}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def anchors(text: str) -> set[str]:
    """What links to headings of the page may name, by GitHub's rules."""
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def words_of(kind: inspect.Type) -> str:  # noqa: C901, PLR0911 - a table
    """A type and its range in the words of the documents; None, where it is allowed, goes without saying."""
    match kind:
        case inspect.UnionType(types):
            return words_of(next(each for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.EnumType(members):
            names = [f"`{member.value}`" for member in members]
            return f"{', '.join(names[:-1])} or {names[-1]}"
        case inspect.LiteralType(values):
            return f"always {values[0]}"
        case inspect.StrType(pattern=str(pattern)):
            return f"text of the form `{pattern}`"
        case inspect.StrType():
            return "text" + _length(kind.min_length, kind.max_length, "characters")
        case inspect.BytesType():
            return "base64 of" + _length(kind.min_length, kind.max_length, "bytes").removeprefix(",")
        case inspect.VarTupleType():
            return "list" + _length(None, kind.max_length, "entries")
        case inspect.DictType():
            return "object" + _length(None, kind.max_length, "entries")
        case inspect.IntType() | inspect.FloatType():
            return ("whole number" if isinstance(kind, inspect.IntType) else "number") + _range(kind)
        case inspect.BoolType():
            return "`true` or `false`"
        case inspect.DateTimeType():
            return "date and time with time zone"
        case inspect.StructType():
            return "object"
    raise NotImplementedError(kind)


def _length(least: int | None, most: int | None, unit: str) -> str:
    if least == most:
        return "" if least is None else f", {least} {unit}"
    return f", at most {most} {unit}" if least is None else f", {least} to {most} {unit}"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    low = None if kind.ge is None else _number(kind.ge)
    if kind.gt is not None:
        return f", above {_number(kind.gt)}" + ("" if kind.le is None else f", at most {_number(kind.le)}")
    if kind.lt is not None:
        return f", {low} to below {_number(kind.lt)}"
    if kind.le is not None:
        return f", {low} to {_number(kind.le)}"
    return "" if low is None else f", {low} or more"


def _number(value: float) -> str:
    exponent = int(value).bit_length() - 1
    if exponent >= 32 and value == 1 << exponent:
        return f"2^{exponent}"
    return f"{value:,g}" if value % 1 else f"{int(value):,}"
