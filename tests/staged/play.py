"""Runs a scenario through the product's offline service, call by call, and remembers what came of it."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

import msgspec
from msgspec import Struct
from staged.script import Calls, Expectation, Script, policy_of
from staged.traffic import HONEST, START_S, Cast, cast_of

from stream_detector.adapters.memory import MemoryDeadLetterLog, MemoryDecisionLog
from stream_detector.adapters.tally import Tally
from stream_detector.bootstrap.offline import offline_service
from stream_detector.detection.policy import Policy
from stream_detector.domain.decisions import Decision, Mode
from stream_detector.ports import ChunkReport, Record
from stream_detector.simulate.arrivals import HOUR_S
from stream_detector.simulate.scenario import sketches
from stream_detector.wire import calls as wire


class Made(Struct, frozen=True):
    """A decision, and which call of its client led to it, counted from 1."""

    decision: Decision
    call: int

    @property
    def hour(self) -> float:
        return _hour(self.decision.decided_at)

    @property
    def end_hour(self) -> float:
        return _hour(self.decision.expires_at)


class ValveTurns(Tally):
    """Notes when the safety valve opens and closes."""

    def __init__(self) -> None:
        super().__init__()
        self.hour = 0.0
        self.turns: list[tuple[float, bool]] = [(0.0, False)]
        """Hour -> whether it is open from then on."""

    def chunk(self, report: ChunkReport) -> None:
        super().chunk(report)
        if report.valve_open != self.turns[-1][1]:
            self.turns.append((self.hour, report.valve_open))

    def is_open_at(self, hour: float) -> bool:
        return [is_open for turned, is_open in self.turns if turned <= hour][-1]


class Outcome:
    """What came of a scenario."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.called: dict[str, list[float]] = defaultdict(list)
        """Client -> event times of its calls, hours."""
        self.made: dict[str, list[Made]] = defaultdict(list)
        self.valve = ValveTurns()

    def clients(self, expected: Expectation) -> list[str]:
        """Those who count."""
        return sorted(client for client in self.cast.names[expected.of] if _counts(self.made[client], expected))

    def count_calls(self, wanted: Calls) -> int:
        """All calls of these clients in this time."""
        hours = (hour for client in self.cast.names[wanted.of] for hour in self.called[client])
        return sum(wanted.from_h <= hour < wanted.until_h for hour in hours)

    def decisions(self) -> list[Decision]:
        """All of them, by client."""
        return [made.decision for client in sorted(self.made) for made in self.made[client]]

    def story(self) -> str:
        """All decisions, for a test that fails."""
        return "\n".join(_stories(self.cast, self.made))


def _hour(ts: float) -> float:
    return (ts - START_S) / HOUR_S


def perform(script: Script, seed: int, policy: Policy | None = None) -> Outcome:
    """Run it; with another policy than its own, if given."""
    return asyncio.run(_perform(script, seed, policy or policy_of(script.policy)))


async def _perform(script: Script, seed: int, policy: Policy) -> Outcome:
    cast = cast_of(script, seed, sketches())
    outcome, log, dead = Outcome(cast), MemoryDecisionLog(), MemoryDeadLetterLog()
    service = offline_service(policy, log, dead, outcome.valve)
    await service.claim(0, 0)
    offset = 0
    for call in cast.calls:
        made = outcome.made[call.client]
        if call.client in cast.pausing and made and made[-1].decision.expires_at > call.ts:
            continue
        outcome.valve.hour = _hour(call.ts)
        called = outcome.called[call.client]
        called.append(_hour(call.ts))
        await service.handle(0, [Record(offset, 0, None, wire.encode(call))])
        made.extend(Made(decision, len(called)) for decision in log.decisions)
        log.decisions.clear()
        offset += 1
    assert dead.letters == []
    return outcome


def _counts(made: list[Made], expected: Expectation) -> bool:
    actions = tuple(action for action, _ in groupby(each.decision.action for each in made))
    lasting_h = tuple(float(round(each.end_hour - each.hour)) for each in made)
    return (
        expected.actions in {None, actions}
        and expected.lasting_h in {None, lasting_h}
        and any(_has_all(each, expected) for each in made)
    )


def _has_all(made: Made, expected: Expectation) -> bool:
    decision = made.decision
    return (
        expected.action in {None, decision.action}
        and expected.mode in {None, decision.mode}
        and (expected.reason is None or expected.reason in {reason.detector for reason in decision.reasons})
        and (expected.note is None or expected.note in decision.note)
        and (expected.within_calls is None or made.call <= expected.within_calls)
        and expected.from_h <= made.hour < expected.until_h
        and (expected.standing_at_h is None or made.hour <= expected.standing_at_h < made.end_hour)
    )


def _stories(cast: Cast, made: dict[str, list[Made]]) -> Iterator[str]:
    for name, clients in cast.names.items():
        if name == HONEST:  # named by class
            continue
        for client in sorted(clients):
            for each in made.get(client, ()):
                decision = each.decision
                reasons = ", ".join(f"{reason.detector} {reason.weight:.1f}" for reason in decision.reasons)
                yield (
                    f"{name} {client}: {decision.action} ({decision.mode}) at {each.hour:.2f} h, call {each.call}, "
                    f"until {each.end_hour:.2f} h, risk {decision.risk:.2f}: {reasons} {decision.note}"
                )


def but_for_mode(decisions: list[Decision]) -> list[Decision]:
    """To compare what policies of different modes lead to."""
    return [msgspec.structs.replace(each, mode=Mode.ENFORCE, note="", policy_version="") for each in decisions]
