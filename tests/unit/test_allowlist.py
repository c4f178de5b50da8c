"""Who is not acted on, as the worker hears it from the decision store."""

import asyncio
from contextlib import suppress

from gateways.asking import on_a_loop, until
from gateways.hooks import NOON_S, HandClock, decision

from stream_detector.adapters.memory import MemoryDecisionStore
from stream_detector.domain.decisions import Action, Decision, Origin, SubjectKind
from stream_detector.service.allowlist import Allowlist
from stream_detector.service.following import Following


def entry(client: str, action: Action = Action.ALLOW) -> Decision:
    return decision(client, action, origin=Origin.OPERATOR)


@on_a_loop
async def test_allowlist_is_the_operators_live_entries_and_nothing_else() -> None:
    store = MemoryDecisionStore()
    allowlist = Allowlist()
    decisions = [
        entry("anna"),
        decision("bert", Action.ALLOW),
        decision("carl", Action.BLOCK),
        entry("dora", Action.BLOCK),
        decision("emil", Action.ALLOW, origin=Origin.OPERATOR, kind=SubjectKind.NETWORK),
        decision("fred", Action.ALLOW, origin=Origin.OPERATOR, expires_at=NOON_S),
    ]
    await store.put(decisions, NOON_S)
    await Following(store, HandClock(), [allowlist]).read()
    assert allowlist.allowed_until == {"anna": NOON_S + 600}


@on_a_loop
async def test_allowlist_read_again_lacks_what_has_expired() -> None:
    store, clock = MemoryDecisionStore(), HandClock()
    allowlist = Allowlist()
    following = Following(store, clock, [allowlist])
    await store.put([entry("anna")], NOON_S)
    await following.read()
    clock.time_s += 601
    await following.read()
    assert allowlist.allowed_until == {}


@on_a_loop
async def test_allowlist_follows_what_operators_decide() -> None:
    store = MemoryDecisionStore()
    allowlist = Allowlist()
    following = asyncio.create_task(Following(store, HandClock(), [allowlist]).follow(lambda: None))

    async def allows(*clients: str) -> None:
        async def does() -> bool:
            return allowlist.allowed_until == dict.fromkeys(clients, NOON_S + 600)

        await until(does, f"{clients} on the allowlist")

    await store.put([entry("anna")], NOON_S)
    await allows("anna")
    await store.put([entry("anna", Action.BLOCK), entry("bert")], NOON_S)
    await allows("bert")
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
