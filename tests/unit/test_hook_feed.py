import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from gateways.hooks import NOON_S, HandClock, HandTimer, decision

from stream_detector.domain.decisions import Action, Decision, SubjectKind
from stream_detector.domain.errors import ConfigError, StoreUnavailable, StreamDetectorError
from stream_detector.hook.changes import ChangeLog
from stream_detector.hook.feed import Feed, Patience
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.table import DecisionTable

END = StoreUnavailable("the script ends here")


class Enough(Exception):
    """Ends a feed that otherwise goes on for ever."""


class ScriptedStore:
    """One connection per list of items; an error in place of an item is raised."""

    def __init__(self, *connections: list[Decision | StreamDetectorError | None]) -> None:
        self.connections = list(connections)
        self.stands: list[Decision] = []
        self.standing_fails = 0
        self.log: list[str] = []
        self.on_read: Callable[[], None] = lambda: None

    async def changes(self) -> AsyncIterator[Decision | None]:
        self.log.append("subscribe")
        try:
            for item in self.connections.pop(0):
                if isinstance(item, StreamDetectorError):
                    raise item
                yield item
        finally:
            self.log.append("close")

    async def standing(self, now_s: float) -> list[Decision]:
        self.log.append(f"read at {now_s:.0f}")
        self.on_read()
        if self.standing_fails:
            self.standing_fails -= 1
            raise END
        return list(self.stands)

    async def put(self, decisions: object, now_s: float) -> list[bool]:
        raise NotImplementedError


class Bench:
    """A feed that gives up after `naps` waits."""

    def __init__(self, store: ScriptedStore, naps: int = 1, random: float = 1.0) -> None:
        self.table, self.timer = DecisionTable(), HandTimer()
        self.freshness = Freshness(self.timer, stale_after_s=300.0)
        self.naps: list[float] = []
        self.waking: Callable[[], None] = lambda: None
        self._most_naps = naps
        self.feed = Feed(
            changes=ChangeLog(),
            store=store,
            table=self.table,
            freshness=self.freshness,
            clock=HandClock(),
            random=lambda: random,
            sleep=self._sleep,
            patience=Patience(first_delay_s=0.1, max_delay_s=5.0, silence_s=0.05),
        )

    async def _sleep(self, delay_s: float) -> None:
        self.naps.append(delay_s)
        self.waking()
        if len(self.naps) >= self._most_naps:
            raise Enough

    def run(self) -> None:
        async def until_enough() -> None:
            with contextlib.suppress(Enough):
                await self.feed.run()

        asyncio.run(until_enough())

    def action_of(self, key: str) -> Action | None:
        standing = self.table.find(SubjectKind.CLIENT, key, NOON_S)
        return standing and standing.ruling.action


def test_the_feed_subscribes_before_it_reads_and_closes_at_the_end() -> None:
    store = ScriptedStore([None, END])

    Bench(store).run()

    assert store.log == ["subscribe", f"read at {NOON_S:.0f}", "close"]


def test_what_stands_and_what_is_announced_is_in_the_table() -> None:
    store = ScriptedStore([None, decision("bob", Action.MARK), END])
    store.stands = [decision(f"client-{number}") for number in range(1234)]
    bench = Bench(store)

    bench.run()

    assert len(bench.table) == 1235
    assert bench.action_of("client-0") is bench.action_of("client-1233") is Action.BLOCK
    assert bench.action_of("bob") is Action.MARK


def test_an_announcement_that_arrives_before_the_reading_is_applied_after_it() -> None:
    store = ScriptedStore([decision("alice", Action.ALLOW), END])
    store.stands = [decision("alice", Action.BLOCK)]
    bench = Bench(store)

    bench.run()

    assert bench.action_of("alice") is Action.ALLOW


def test_what_vanished_from_the_store_vanishes_from_the_table() -> None:
    store = ScriptedStore([None, END], [None, END])
    store.stands = [decision("alice"), decision("bob")]
    bench = Bench(store, naps=2)
    bench.waking = store.stands.clear

    bench.run()

    assert len(bench.table) == 0


def test_while_the_store_is_away_the_last_table_goes_on() -> None:
    store = ScriptedStore([None, END], [END], [END])
    store.stands = [decision("alice")]
    bench = Bench(store, naps=3)

    bench.run()

    assert bench.action_of("alice") is Action.BLOCK


def test_freshness_is_proven_by_signs_of_life_and_not_before_the_reading() -> None:
    store = ScriptedStore([None, None, END])
    bench = Bench(store)
    proven_at_reading: list[bool] = []
    store.on_read = lambda: proven_at_reading.append(bench.freshness.ever_proven())

    bench.run()

    assert proven_at_reading == [False]
    assert bench.freshness.age_s() == 0.0


def test_a_store_that_was_never_reached_leaves_the_table_unproven() -> None:
    bench = Bench(ScriptedStore([END], [END], [END]), naps=3)

    bench.run()

    assert not bench.freshness.ever_proven()


def test_a_failed_reading_is_tried_again_with_a_new_subscription() -> None:
    store = ScriptedStore([None, None], [None, END])
    store.standing_fails = 1
    store.stands = [decision("alice")]
    bench = Bench(store, naps=2)

    bench.run()

    assert [entry.split()[0] for entry in store.log] == ["subscribe", "read", "close"] * 2
    assert bench.action_of("alice") is Action.BLOCK


def test_delays_double_up_to_a_cap() -> None:
    bench = Bench(ScriptedStore(*([[END]] * 9)), naps=9)

    bench.run()

    assert bench.naps == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_delays_start_small_again_after_a_success() -> None:
    bench = Bench(ScriptedStore([END], [END], [None, END], [END]), naps=4)

    bench.run()

    assert bench.naps == [0.1, 0.2, 0.1, 0.2]


def test_delays_are_spread_over_half_their_length() -> None:
    bench = Bench(ScriptedStore([END], [END]), naps=2, random=0.0)

    bench.run()

    assert bench.naps == [0.05, 0.1]


def test_a_store_that_falls_silent_is_left_and_asked_anew() -> None:
    class SilentStore(ScriptedStore):
        async def changes(self) -> AsyncIterator[Decision | None]:
            self.log.append("subscribe")
            yield None
            await asyncio.Event().wait()

    store = SilentStore()
    bench = Bench(store, naps=2)

    bench.run()

    assert store.log.count("subscribe") == 2


def test_announcements_that_end_are_asked_for_anew() -> None:
    store = ScriptedStore([None], [None])

    Bench(store, naps=2).run()

    assert store.log.count("subscribe") == 2


def test_decisions_of_another_version_do_not_end_the_hook() -> None:
    store = ScriptedStore([None, ConfigError("not version 1")], [None, END])
    store.stands = [decision("alice")]
    bench = Bench(store, naps=2)

    bench.run()

    assert bench.action_of("alice") is Action.BLOCK
