"""The calls of a scenario, in time order, from the simulator's clients."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from msgspec import Struct
from staged.script import MIDNIGHT, Attack, Script

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.arrivals import HOUR_S, Span
from stream_detector.simulate.benign import KINDS, Sources
from stream_detector.simulate.campaigns import campaign_clients
from stream_detector.simulate.client import Client, calls_of
from stream_detector.simulate.outcome import Content
from stream_detector.simulate.population import honest_clients

START_S = MIDNIGHT.timestamp()
HONEST = "honest"


class Cast(Struct, frozen=True):
    """Who takes part."""

    calls: Iterator[ApiCall]
    names: dict[str, frozenset[str]]
    """Id of a campaign, class of honest clients or `honest` -> its clients."""
    pausing: frozenset[str]
    """Clients that are silent while a decision about them stands."""


def cast_of(script: Script, seed: int, content_of: Callable[[str], Content]) -> Cast:
    """Everybody, ready to call once. Equal seeds give equal calls."""
    span = Span(START_S, START_S + script.hours * HOUR_S)
    honest = _honest(script, seed, span)
    streams = [calls_of(client, span.end_s, content_of) for client in honest]
    names = {kind.name: _ids(client for client in honest if client.label.kind == kind.name) for kind in KINDS}
    names[HONEST] = _ids(honest)
    pausing: set[str] = set()
    for attack in script.campaigns:
        accounts = list(campaign_clients(seed, attack, span))
        names[attack.id] = _ids(accounts)
        streams += [_calls_of_account(account, attack, seed, span, content_of) for account in accounts]
        if attack.pauses:
            pausing |= names[attack.id]
    return Cast(heapq.merge(*streams, key=attrgetter("ts")), names, frozenset(pausing))


def _ids(clients: Iterable[Client]) -> frozenset[str]:
    return frozenset(client.identity.client for client in clients)


def _honest(script: Script, seed: int, span: Span) -> list[Client]:
    """The clients asked for; a single class is picked out of a population that is large enough."""
    wanted = script.honest
    share = next((kind.share for kind in KINDS if kind.name == wanted.only), 1.0)
    if wanted.only is not None and share == 0:  # a class on request
        kinds = ((wanted.only, 1.0),)
        return list(honest_clients(seed, wanted.clients, span, wanted.scale, Sources(), kinds=kinds))
    population = honest_clients(seed, round(wanted.clients / share), span, wanted.scale, Sources())
    return [client for client in population if wanted.only in {None, client.label.kind}]


def _calls_of_account(
    account: Client, attack: Attack, seed: int, span: Span, content_of: Callable[[str], Content]
) -> Iterator[ApiCall]:
    """As the campaign has it until its end; from then on as an honest client, under the same name."""
    end_s = min(span.end_s, START_S + attack.until_h * HOUR_S)
    for call in calls_of(account, span.end_s, content_of):
        if call.ts >= end_s:
            break
        yield call
    if attack.then is not None:
        calmed = _calmed(account, attack.then, seed, span)
        yield from (call for call in calls_of(calmed, span.end_s, content_of) if call.ts >= end_s)


def _calmed(account: Client, kind: str, seed: int, span: Span) -> Client:
    """What an honest client of this class does, under the account's name."""
    population = honest_clients(seed, 100, span, 1.0, Sources())
    model = next(client for client in population if client.label.kind == kind)
    return Client(
        identity=account.identity, label=account.label, streams=model.streams, failures=model.failures, rng=model.rng
    )
