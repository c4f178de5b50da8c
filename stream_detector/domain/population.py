"""Facts about groups of clients."""

from msgspec import Struct


class TemplateUse(Struct, frozen=True, array_like=True, gc=False):
    """How many distinct clients share a template."""

    members: int
    """Clients whose account's age is known."""
    young: int
    """Members whose account was young when they first used it (`detection.population`)."""
