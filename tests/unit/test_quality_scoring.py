"""Figures of small recordings, worked out by hand."""

import pytest

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Subject, SubjectKind
from stream_detector.quality.figures import Figures
from stream_detector.quality.labels import Label
from stream_detector.quality.resampling import share_interval
from stream_detector.quality.scoring import score, spread
from stream_detector.quality.traffic import Sent

DAY = 86_400.0
START = 20_000 * DAY
HOUR = 3600.0


def decision(
    client: str,
    at: float,
    until: float,
    action: Action = Action.THROTTLE,
    *,
    mode: Mode = Mode.ENFORCE,
    limit: Limit | None = None,
) -> Decision:
    return Decision(
        subject=Subject(SubjectKind.CLIENT, client),
        action=action,
        mode=mode,
        limit=limit,
        risk=0.5,
        policy_version="test",
        decided_at=at,
        expires_at=until,
    )


def hourly(calls: int, tokens: int = 10, first: float = START) -> Sent:
    return Sent.of((first + number * HOUR, tokens) for number in range(calls))


def honest(kind: str = "app") -> Label:
    return Label(campaign=None, kind=kind)


def member(campaign: str = "c1", family: str = "pool", planned: int | None = None) -> Label:
    return Label(campaign=campaign, kind=family, planned_calls=planned)


def spoilt_days(sent: Sent, *decisions: Decision) -> float | None:
    return score({"a": honest()}, decisions, {"a": sent}).honest.acted_on


def test_each_account_leaks_until_its_own_first_action() -> None:
    labels = {"a": member(planned=100), "b": member(planned=100)}
    traffic = {"a": hourly(10), "b": hourly(10, tokens=30)}
    decisions = [
        decision("a", START + 2 * HOUR, START + 5 * HOUR),
        decision("b", START + 4 * HOUR, START + 9 * HOUR),
        decision("b", START + 6 * HOUR, START + 9 * HOUR, Action.BLOCK),
    ]
    [campaign] = score(labels, decisions, traffic).campaigns
    assert (campaign.found, campaign.acted_on, campaign.blocked) == (True, 2, 1)
    assert (campaign.calls, campaign.output_tokens, campaign.planned_calls) == (20, 400, 200)
    assert campaign.throttle.after_s == 2 * HOUR
    assert (campaign.throttle.calls, campaign.throttle.output_tokens) == (3 + 5, 30 + 150)
    assert campaign.throttle.calls_share == 8 / 20
    assert campaign.throttle.tokens_share == 180 / 400
    assert campaign.throttle.planned_share == 8 / 200
    assert campaign.block.after_s == 6 * HOUR
    assert (campaign.block.calls, campaign.block.output_tokens) == (10 + 7, 100 + 210)


def test_a_block_without_a_throttle_before_it_counts_as_both() -> None:
    decisions = [decision("a", START + HOUR, START + 3 * HOUR, Action.BLOCK)]
    [campaign] = score({"a": member()}, decisions, {"a": hourly(4)}).campaigns
    assert campaign.throttle == campaign.block
    assert campaign.throttle.calls == 2


def test_a_campaign_that_nobody_noticed_leaks_everything() -> None:
    figures = score({"a": member(), "b": member("c2")}, [], {"a": hourly(4), "b": hourly(6)})
    assert figures.overall is not None
    assert (figures.overall.recall, figures.overall.coverage) == (0.0, 0.0)
    assert figures.overall.throttle.after_s.median is None
    assert figures.overall.throttle.calls_share.median == 1.0
    assert figures.overall.throttle.calls.p90 == 6
    assert figures.block_precision is None


def test_shadow_decisions_find_nobody_and_spoil_no_day() -> None:
    labels = {"a": member(), "b": honest()}
    traffic = {"a": hourly(4), "b": hourly(4)}
    shadows = [decision(client, START, START + DAY, Action.BLOCK, mode=Mode.SHADOW) for client in labels]
    figures = score(labels, shadows, traffic)
    assert not figures.campaigns[0].found
    assert (figures.honest.acted_on, figures.honest.blocked, figures.honest.blocked_clients) == (0, 0, 0)


def test_what_a_taken_over_key_did_before_is_its_owners() -> None:
    label = Label(campaign="c1", kind="takeover", starts_at=START + 4.5 * HOUR)
    before = decision("a", START, START + HOUR, Action.BLOCK)
    [campaign] = score({"a": label}, [before], {"a": hourly(10)}).campaigns
    assert (campaign.found, campaign.calls, campaign.throttle.calls) == (False, 5, 5)
    during = decision("a", START + 6 * HOUR, START + 7 * HOUR)
    [campaign] = score({"a": label}, [before, during], {"a": hourly(10)}).campaigns
    assert (campaign.found, campaign.blocked, campaign.throttle.calls) == (True, 0, 2)
    assert campaign.throttle.after_s == HOUR
    still = decision("a", START, START + 5 * HOUR)
    [campaign] = score({"a": label}, [still], {"a": hourly(10)}).campaigns
    assert (campaign.found, campaign.throttle.calls, campaign.throttle.after_s) == (True, 0, 0.0)


def test_accounts_that_sent_nothing_are_left_out() -> None:
    figures = score({"a": member(), "b": member(), "c": honest()}, [], {"a": hourly(1)})
    assert figures.campaigns[0].accounts == 1
    assert (figures.honest.clients, figures.honest.client_days, figures.honest.share) == (0, 0, None)


def test_a_recording_without_calls_has_no_figures_and_no_error() -> None:
    assert score({}, [], {}) == score({"a": member()}, [], {})
    assert score({}, [], {}).overall is None


def test_a_client_day_needs_a_call_and_something_in_force() -> None:
    two_days = Sent.of([(START + HOUR, 1), (START + 2 * DAY, 1)])
    assert spoilt_days(two_days) == 0
    assert spoilt_days(two_days, decision("a", START + HOUR, START + 2 * HOUR)) == 1
    assert spoilt_days(two_days, decision("a", START + HOUR, START + 1.5 * DAY)) == 1, "no call on the second day"
    assert spoilt_days(two_days, decision("a", START + HOUR, START + 2 * DAY + 1)) == 2


def test_what_ends_at_midnight_spoils_no_new_day() -> None:
    daily = Sent.of([(START + HOUR, 1), (START + DAY + HOUR, 1)])
    assert spoilt_days(daily, decision("a", START + HOUR, START + DAY)) == 1
    assert spoilt_days(daily, decision("a", START + HOUR, START + DAY + 0.001)) == 2
    assert spoilt_days(daily, decision("a", START + DAY, START + DAY + 1)) == 1


def test_an_operators_allow_ends_what_stood() -> None:
    daily = Sent.of([(START + HOUR, 1), (START + DAY + HOUR, 1)])
    throttle = decision("a", START + HOUR, START + 3 * DAY)
    assert spoilt_days(daily, throttle) == 2
    assert spoilt_days(daily, throttle, decision("a", START + 2 * HOUR, START + 9 * DAY, Action.ALLOW)) == 1


def test_an_action_that_is_replaced_at_once_was_never_in_force() -> None:
    decisions = [
        decision("a", START, START + DAY),
        decision("a", START, START + DAY, Action.ALLOW),
    ]
    assert spoilt_days(hourly(5), *decisions) == 0


def test_classes_are_kept_apart_and_blocks_are_counted_apart() -> None:
    labels = {"a": honest("app"), "b": honest("app"), "c": honest("cron")}
    traffic = {client: hourly(30) for client in labels}
    decisions = [
        decision("a", START + HOUR, START + 2 * HOUR),
        decision("b", START + HOUR, START + 25 * HOUR, Action.BLOCK),
    ]
    figures = score(labels, decisions, traffic)
    app, cron = figures.classes
    assert (app.kind, app.clients, app.client_days, app.acted_on, app.blocked) == ("app", 2, 4, 3, 2)
    assert (app.share, app.blocked_clients) == (3 / 4, 1)
    assert (cron.kind, cron.client_days, cron.share) == ("cron", 2, 0.0)
    assert (cron.low, cron.high) == (0.0, 1.0), "the rule of three with two client-days"
    assert (figures.honest.client_days, figures.honest.acted_on) == (6, 3)


def test_block_precision_is_the_share_of_blocked_clients_that_deserve_it() -> None:
    labels = {"a": member(), "b": member(), "c": member(), "d": honest()}
    decisions = [decision(client, START, START + HOUR, Action.BLOCK) for client in labels]
    assert score(labels, decisions, {client: hourly(3) for client in labels}).block_precision == 3 / 4


def test_a_throttle_refuses_what_is_over_its_limit_and_a_block_everything() -> None:
    minutely = Sent.of((START + number * 60.0, 7) for number in range(11))
    limit = Limit(requests=1, window_s=120.0, burst=1)
    throttled = score({"a": honest()}, [decision("a", START, START + HOUR, limit=limit)], {"a": minutely})
    assert throttled.honest.refused_output_tokens == 5 * 7, "the first call led to it, every other one is let through"
    blocked = score({"a": honest()}, [decision("a", START, START + 300, Action.BLOCK)], {"a": minutely})
    assert blocked.honest.refused_output_tokens == 5 * 7
    assert blocked.honest.output_tokens == 77


def test_calls_in_any_order_give_the_same_figures() -> None:
    ordered = hourly(30)
    turned = Sent.of(reversed(list(zip(ordered.times, ordered.tokens, strict=True))))
    assert turned == ordered


def test_without_traffic_counts_come_from_the_labels() -> None:
    labels = {
        "a": Label(campaign="c1", kind="pool", calls=40, output_tokens=400),
        "b": Label(campaign=None, kind="app", calls=9, days=3),
        "c": Label(campaign=None, kind="app", calls=0, days=0),
    }
    decisions = [decision("a", START, START + HOUR), decision("b", START, START + HOUR)]
    figures = score(labels, decisions)
    assert figures.campaigns[0].found
    assert (figures.campaigns[0].calls, figures.campaigns[0].throttle.calls) == (40, None)
    assert (figures.honest.clients, figures.honest.client_days, figures.honest.acted_on) == (1, 3, 1)
    assert (figures.honest.output_tokens, figures.honest.refused_output_tokens) == (None, None)


def test_without_traffic_and_counts_only_recall_and_precision_are_known() -> None:
    figures: Figures = score({"a": member(), "b": honest()}, [decision("a", START, START + HOUR, Action.BLOCK)])
    assert figures.overall is not None
    assert (figures.overall.recall, figures.overall.coverage, figures.block_precision) == (1.0, 1.0, 1.0)
    assert (figures.honest.client_days, figures.honest.share) == (None, None)
    assert figures.overall.throttle.calls_share.median is None


def test_spread_is_by_nearest_rank_and_never_is_infinite() -> None:
    assert (spread([3, 1, 2]).median, spread([3, 1, 2]).p90) == (2, 3)
    assert (spread([1, None, None]).median, spread([1, 2, None]).median) == (None, 2)
    assert (spread([]).median, spread([5]).p90) == (None, 5)


def test_the_interval_of_a_share_knows_that_days_of_a_client_go_together() -> None:
    assert share_interval([0] * 30, [100] * 30) == (0.0, 0.001)
    together = share_interval([10] + [0] * 99, [10] * 100)
    apart = share_interval([1] * 10 + [0] * 90, [10] * 100)
    assert together[0] == 0.0
    assert together[0] < apart[0] < 0.01 < apart[1] < together[1]
    assert share_interval([2, 3], [2, 3]) == pytest.approx((0.4, 1.0))
    assert apart == share_interval([1] * 10 + [0] * 90, [10] * 100), "seeded"
