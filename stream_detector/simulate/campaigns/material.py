"""What campaigns ask, where it is known from recordings."""

from msgspec import Struct


class Choice(Struct, frozen=True):
    """A multiple choice question."""

    question: str
    options: tuple[str, ...]


class Material(Struct, frozen=True, kw_only=True):
    """Recorded headers and questions; what is empty is made up."""

    header: str = ""
    """Constant beginning of a hot distiller's prompts."""
    seeds: tuple[str, ...] = ()
    """Tasks that rotate behind it."""
    questions: tuple[str, ...] = ()
    """A list of bare questions, asked once each; made-up ones follow when it is used up."""
    sweep: tuple[tuple[str, tuple[Choice, ...]], ...] = ()
    """Subjects and their questions, in the order of the file."""
