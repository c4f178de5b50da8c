"""Real gateways whose hook reports: who called, from where, with what."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from gateways.fronts import KINDS, Kind
from gateways.installations import Installation
from gateways.model import Model
from servers.processes import wait_until
from servers.redis_server import RedisServer

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action
from stream_detector.wire import calls as wire

_FORGED = "203.0.113.9"


@pytest.fixture(params=KINDS, ids=lambda kind: str(kind.name))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    if found.program() is None:
        pytest.skip(f"{found.name} is not installed; run `make servers`")
    return found


@pytest.fixture
def receiver() -> Iterator[Model]:
    """Takes what is reported, as a collector does."""
    with Model() as started:
        yield started


@pytest.fixture
def installation(kind: Kind, receiver: Model, private_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    """One whose hook reports."""
    reporting = msgspec.structs.replace(kind, hook_settings={"hook_calls_to": f"http://127.0.0.1:{receiver.port}"})
    with Installation(reporting, private_redis, tmp_path) as started:
        yield started


def _reported(receiver: Model) -> list[ApiCall]:
    bodies = [seen.body for seen in list(receiver.seen) if seen.path.startswith("/v1/calls")]
    return [
        call for body in bodies for line in body.splitlines() for call in wire.decode(line, max_bytes=1 << 20).calls
    ]


def test_who_called_from_where_with_what_is_reported_and_not_what_the_client_says(
    kind: Kind, installation: Installation, receiver: Model
) -> None:
    assert installation.call("bob", x_forwarded_for=_FORGED, user_agent="Mosaic/1.0").status == 200
    wait_until(lambda: any(call.client == "bob" for call in _reported(receiver)), "bob's call is reported")
    (call,) = (call for call in _reported(receiver) if call.client == "bob")
    assert call.ua == "Mosaic/1.0"
    assert call.ip not in {None, _FORGED}
    assert (call.route, call.status) == ("/v1/chat/completions" if kind.name.startswith("envoy") else None, None)


def test_a_call_that_was_refused_is_reported_with_what_the_client_got(
    installation: Installation, receiver: Model
) -> None:
    installation.decide("alice", Action.BLOCK)
    installation.until("alice", 403)
    wait_until(lambda: 403 in {call.status for call in _reported(receiver) if call.client == "alice"}, "it is reported")
