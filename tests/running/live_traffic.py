"""Traffic that goes on until told to stop: calls to Kafka, and a gateway's questions to the hook.

Hours of event time pass in seconds. In each, honest clients call, one account is blocked within a few calls, one shows
nothing for which it could be more than throttled, and some records cannot be used. Each hour has clients of its own.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count, islice

from kafka import KafkaProducer
from msgspec import Struct
from running.hook_process import HookProcess

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.campaigns import Campaign, Family
from stream_detector.simulate.scenario import Scenario, labels, traffic
from stream_detector.wire import calls as wire

START_S = Scenario().start_s
CLOCK = f"scaled:{START_S:.0f}:0:0"
"""Setting of worker and hook: it stands still where the traffic begins, so that no decision ever expires."""
MAX_FUTURE_S = 31_536_000
"""Setting of the worker: the traffic runs ahead of that clock."""

_HOUR_S = 3600.0
_HONEST = 30
_BLOCKED, _THROTTLED = "blocked", "throttled"
_CAMPAIGNS = (
    Campaign(id=_BLOCKED, family=Family.LOGIT_PROBER, calls_per_account_day=4_800),
    Campaign(id=_THROTTLED, family=Family.HOT_DISTILLER, calls_per_account_day=20_000, start_after_s=2_700),
)
_BAD = (b"not a call", b'{"id":"1"}', b'[{"id":"2","ts":-1,"client":"honest"}]')
_BAD_EVERY = 200
_RECORDS_A_TURN = 25
_TURN_S = 0.1


class People(Struct, frozen=True):
    """Clients of the first hour, one of each sort; None is a call that does not say whose it is."""

    honest: str
    blocked: str
    throttled: str

    def questions(self) -> tuple[str | None, ...]:
        """What the gateway asks in every turn; the odd one out is rare."""
        return (self.honest,) * 40 + (self.blocked, self.throttled, None)


def people() -> People:
    """Who is asked about."""
    first = {label.campaign: client for client, label in labels(_hour(0)).items()}
    return People(first[None], first[_BLOCKED], first[_THROTTLED])


def records() -> Iterator[tuple[bytes, bytes]]:
    """Key and value of every record, without an end."""
    for number, call in enumerate(_calls()):
        yield call.client.encode(), wire.encode(call)
        if number % _BAD_EVERY == 0:
            yield call.client.encode(), _BAD[number // _BAD_EVERY % len(_BAD)]


def _calls() -> Iterator[ApiCall]:
    for number in count():
        yield from traffic(_hour(number))


def _hour(number: int) -> Scenario:
    return Scenario(
        seed=number,
        start_s=START_S + number * _HOUR_S,
        duration_s=_HOUR_S,
        clients=_HONEST,
        campaigns=_CAMPAIGNS,
    )


@contextmanager
def flowing(bootstrap: str, topic: str, hook: HookProcess) -> Iterator[None]:
    """Calls and questions flow, about 250 and 430 a second, while the block runs; what goes wrong is raised at its end."""
    ended = threading.Event()
    with KafkaProducer(bootstrap_servers=bootstrap) as producer, ThreadPoolExecutor(2) as threads, ExitStack() as stack:
        running: list[Future[None]] = [
            threads.submit(_send, producer, topic, ended),
            threads.submit(_ask, hook, ended),
        ]
        stack.callback(ended.set)
        yield
        ended.set()
        for each in running:
            each.result()


def _send(producer: KafkaProducer, topic: str, ended: threading.Event) -> None:
    waiting = records()
    while not ended.wait(_TURN_S):
        for key, value in islice(waiting, _RECORDS_A_TURN):
            producer.send(topic, key=key, value=value)
    producer.flush()


def _ask(hook: HookProcess, ended: threading.Event) -> None:
    questions = people().questions()
    while not ended.wait(_TURN_S):
        for client in questions:
            hook.ask(client)
