"""When a stream counts as stalled."""

from stream_detector.stream.runner import StallWatch


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_partition_stalls_when_its_commits_stand_still_behind_its_records() -> None:
    clock = _Clock()
    watch = StallWatch(10, clock)
    assert watch.stalled({0: 50}, {0: 20}) is None
    clock.now_s += 10
    assert watch.stalled({0: 60}, {0: 20}) is None
    clock.now_s += 0.1
    assert watch.stalled({0: 60}, {0: 20}) == 0


def test_a_partition_without_any_commit_stalls_too() -> None:
    clock = _Clock()
    watch = StallWatch(10, clock)
    watch.stalled({3: 1}, {})
    clock.now_s += 11
    assert watch.stalled({3: 1}, {}) == 3


def test_progress_however_slow_is_no_stall() -> None:
    clock = _Clock()
    watch = StallWatch(10, clock)
    for committed in range(5):
        assert watch.stalled({0: 1000}, {0: committed}) is None
        clock.now_s += 9


def test_an_idle_partition_never_stalls_and_its_next_record_has_the_whole_limit() -> None:
    clock = _Clock()
    watch = StallWatch(10, clock)
    assert watch.stalled({0: 20}, {0: 20}) is None
    clock.now_s += 1000
    assert watch.stalled({0: 20}, {0: 20}) is None
    clock.now_s += 1
    assert watch.stalled({0: 21}, {0: 20}) is None
    clock.now_s += 9
    assert watch.stalled({0: 21}, {0: 20}) is None


def test_a_partition_that_comes_back_starts_anew() -> None:
    clock = _Clock()
    watch = StallWatch(10, clock)
    watch.stalled({0: 21}, {0: 20})
    clock.now_s += 9
    watch.stalled({}, {0: 20})
    clock.now_s += 9
    assert watch.stalled({0: 21}, {0: 20}) is None
