"""Operators and analysts judge a client: worker, hook and commands as processes, on Apache Kafka and Redis."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from running import live_traffic
from running.hook_process import HookProcess
from running.installation import Installation, installed
from running.worker_process import WorkerProcess, environment
from servers.kafka_topics import KafkaTopics, Sent
from servers.processes import wait_until

from stream_detector.domain.decisions import Action, Decision, Mode, Origin
from stream_detector.simulate.campaigns import Campaign, Family
from stream_detector.simulate.scenario import Scenario, labels, traffic
from stream_detector.wire import calls as calls_wire
from stream_detector.wire import decisions as decisions_wire

_SCENARIO = Scenario(
    clients=0, campaigns=(Campaign(id="prober", family=Family.LOGIT_PROBER, calls_per_account_day=40_000),)
)
[_CLIENT] = labels(_SCENARIO)
_SOME = 200
"""Calls; the prober is blocked after fewer."""
_OBEYED_WITHIN_S = 10.0
"""A second on a machine that does nothing else."""
_POLICY = """\
[[allowlist]]
client = "{client}"
expires = 2026-01-06T00:00:00Z
reason = "an agreed test of the model"
"""


class Case:
    """A worker and a hook, and a client that probes."""

    def __init__(self, installation: Installation, hook: HookProcess) -> None:
        self.installation = installation
        self.hook = hook
        self._calls = traffic(_SCENARIO)

    def probe(self, calls: int = _SOME) -> None:
        """The client makes some more calls."""
        key = _CLIENT.encode()
        self.installation.produce(Sent(key, calls_wire.encode(call)) for call in islice(self._calls, calls))

    def wait_blocked(self) -> None:
        wait_until(lambda: self.hook.ask(_CLIENT) == 403, "the client is blocked")

    def wait_allowed(self) -> None:
        wait_until(lambda: self.hook.ask(_CLIENT) == 200, "the client is allowed", _OBEYED_WITHIN_S)

    def decisions(self) -> list[Decision]:
        """About the client, from the topic."""
        values = [record.value for record in self.installation.records("topic_decisions")]
        return [each for each in map(decisions_wire.decode, values) if each.subject.key == _CLIENT]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command of the operator."""
        return subprocess.run(
            [sys.executable, "-m", "stream_detector", *arguments],
            env=environment(self.installation.settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def case(kafka_topics: KafkaTopics, redis_url: str, tmp_path: Path) -> Iterator[Case]:
    settings = {"clock": live_traffic.CLOCK, "max_future_s": live_traffic.MAX_FUTURE_S}
    with installed(kafka_topics, redis_url, tmp_path, **settings) as installation:
        installation.create_calls(1)
        with closing(HookProcess(installation.settings, tmp_path / "hook.log")) as hook:
            hook.wait_ready()
            yield Case(installation, hook)


def _blocked(case: Case, worker: WorkerProcess) -> None:
    """The client is blocked, and all that it has done so far is handled and saved."""
    case.probe()
    case.wait_blocked()
    worker.wait_handled(_SOME)
    case.installation.wait_all_saved()


def test_allow_lets_a_blocked_client_go_and_keeps_the_worker_from_blocking_it_again(case: Case) -> None:
    worker = case.installation.start()
    _blocked(case, worker)
    before = case.decisions()
    assert [(each.action, each.mode) for each in before][-1] == (Action.BLOCK, Mode.ENFORCE)

    command = case.run("allow", _CLIENT, "--reason", "spoke to them on the phone", "--days", "2")
    case.wait_allowed()
    case.probe()
    worker.wait_handled(2 * _SOME)

    assert (command.returncode, command.stderr) == (0, "")
    assert command.stdout == f"{_CLIENT} is allowed until 2026-01-07 00:00 UTC\n"
    assert case.hook.ask(_CLIENT) == 200
    assert case.decisions()[: len(before)] == before
    [entry] = case.decisions()[len(before) :]
    assert (entry.action, entry.mode, entry.origin) == (Action.ALLOW, Mode.ENFORCE, Origin.OPERATOR)
    assert entry.note == "spoke to them on the phone"
    assert entry.expires_at - entry.decided_at == 2 * 86_400


def test_a_worker_that_starts_later_leaves_an_allowed_client_alone(case: Case) -> None:
    worker = case.installation.start()
    _blocked(case, worker)
    assert worker.stop() == 0
    case.run("allow", _CLIENT, "--reason", "spoke to them on the phone")
    case.wait_allowed()
    before = case.decisions()

    case.probe()
    case.installation.start()
    case.installation.wait_all_saved()

    assert case.decisions() == before
    assert case.hook.ask(_CLIENT) == 200


def test_an_allowlist_entry_in_the_policy_cancels_a_live_decision_when_the_worker_starts(
    case: Case, tmp_path: Path
) -> None:
    worker = case.installation.start()
    _blocked(case, worker)
    assert worker.stop() == 0
    before = case.decisions()
    policy = tmp_path / "policy.toml"
    policy.write_text(_POLICY.format(client=_CLIENT))

    worker = case.installation.start(policy=policy)
    wait_until(lambda: case.hook.ask(_CLIENT) == 200 or worker.has_ended(), "the client is allowed")
    case.probe()
    worker.wait_handled(_SOME)

    assert case.hook.ask(_CLIENT) == 200
    [entry] = case.decisions()[len(before) :]
    assert (entry.action, entry.mode, entry.origin) == (Action.ALLOW, Mode.ENFORCE, Origin.OPERATOR)
    assert entry.note == "an agreed test of the model"


def test_a_dismissed_client_is_let_go_and_what_was_seen_counts_no_more(case: Case) -> None:
    worker = case.installation.start()
    _blocked(case, worker)
    before = case.decisions()

    command = case.run("dismiss", _CLIENT, "--reason", "a security test that we ordered")
    case.wait_allowed()
    case.probe()
    worker.wait_handled(2 * _SOME)

    assert (command.returncode, command.stderr) == (0, "")
    assert command.stdout.startswith(f"dismiss {_CLIENT}: workers will hear it (")
    assert case.hook.ask(_CLIENT) == 200
    [released] = case.decisions()[len(before) :]
    assert (released.action, released.mode, released.origin) == (Action.ALLOW, Mode.ENFORCE, Origin.ENGINE)
    assert released.note == "dismiss by an analyst: a security test that we ordered"


def test_a_confirmed_client_is_blocked(case: Case) -> None:
    case.installation.start()
    case.probe(calls=20)
    case.installation.wait_all_saved()
    assert case.hook.ask(_CLIENT) == 200

    command = case.run("confirm", _CLIENT, "--reason", "sells our answers")
    case.wait_blocked()

    assert (command.returncode, command.stderr) == (0, "")
    assert case.decisions()[-1].note == "confirm by an analyst: sells our answers"


def test_allow_without_redis_says_what_to_do_and_publishes_nothing(case: Case) -> None:
    case.installation.settings["redis"] = "redis://127.0.0.1:1/0"
    command = case.run("allow", _CLIENT, "--reason", "spoke to them on the phone")

    assert command.returncode == 2
    assert "check that Redis runs" in command.stderr
    assert case.decisions() == []
