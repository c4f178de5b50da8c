"""`scenario.toml`: which traffic meets which policy, and what must come of it."""

import datetime as dt
import math
import tomllib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from stream_detector.detection.detectors.catalogue import names
from stream_detector.detection.policy import Policy, contradictions
from stream_detector.domain.decisions import Action, Mode
from stream_detector.simulate.campaigns import Campaign

MIDNIGHT = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
"""Event time at which every scenario starts: Monday, 00:00. Hours are counted from here."""


class Honest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Honest clients of the simulator."""

    clients: int = 0
    only: str | None = None
    """One class; None for the usual mix."""
    scale: float = 1.0


class Attack(Campaign, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign of the simulator that may end, and that may react."""

    until_h: float = math.inf
    then: str | None = None
    """Class of honest clients that the accounts behave like afterwards; None for silence."""
    pauses: bool = False
    """Each account is silent while a decision about it stands."""


class Expectation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many clients there must be. A client counts when one of its decisions has all that is asked for."""

    of: str
    """Id of a campaign, class of honest clients, or `honest` for all of these."""
    action: Action | None = None
    mode: Mode | None = None
    reason: str | None = None
    """A detector that is among the reasons."""
    note: str | None = None
    """Part of the note."""
    within_calls: int | None = None
    """Made at the latest at this call of the client, counted from 1."""
    from_h: float = -math.inf
    until_h: float = math.inf
    """Made in this time."""
    standing_at_h: float | None = None
    """In force at this time."""
    actions: tuple[Action, ...] | None = None
    """All decisions about the client, in order, repeats left out."""
    lasting_h: tuple[float, ...] | None = None
    """How long all decisions about the client last, in order, rounded to hours."""
    at_least: int = 0
    at_most: float = math.inf


class Calls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many calls there must be for the scenario to show anything."""

    of: str
    from_h: float = -math.inf
    until_h: float = math.inf
    at_least: int


class ValveAt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The safety valve at an hour."""

    hour: float
    is_open: bool


class Script(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario."""

    about: str
    """What happens, in one sentence."""
    hours: float
    seeds: tuple[int, ...] = (1,)
    """Each is a test of its own."""
    honest: Honest = field(default_factory=Honest)
    campaigns: tuple[Attack, ...] = ()
    policy: dict[str, Any] = field(default_factory=dict)
    """As in a policy file."""
    same_as_policy: dict[str, Any] | None = None
    """Another policy that must lead to the same decisions, but for their mode."""
    expect: tuple[Expectation, ...]
    calls: tuple[Calls, ...] = ()
    valve: tuple[ValveAt, ...] = ()


def read(path: Path) -> Script:
    """Read a scenario; a misspelt field is an error."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Script)


def policy_of(snippet: dict[str, Any]) -> Policy:
    """The snippet, checked as the content of a policy file is."""
    policy = msgspec.convert(snippet, Policy)
    assert list(contradictions(policy, names())) == []
    return policy
