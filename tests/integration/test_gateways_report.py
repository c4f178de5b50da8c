"""Real gateways with the lines that docs/gateways.md tells to add: the hook reports who called, from where, with what."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from documents.reading import page
from gateways import fronts
from gateways.fronts import KINDS, Kind
from gateways.installations import Installation
from gateways.model import Model
from servers.processes import wait_until
from servers.redis_server import RedisServer

from stream_detector.domain.calls import ApiCall
from stream_detector.wire import calls as wire

_FORGED = "203.0.113.9"
_ADDED = {
    "envoy": {
        "{exact: x-request-id}]": "{exact: x-request-id}, {exact: x-forwarded-for}, {exact: user-agent}]",
        "          stat_prefix: api\n": "          stat_prefix: api\n          use_remote_address: true\n",
    },
    "nginx": {
        "proxy_set_header x-request-id   $request_id;": "proxy_set_header x-request-id   $request_id;\n"
        "        proxy_set_header x-forwarded-for $remote_addr;"
    },
    "haproxy": {
        '{ txn.sf:req_fhdr("x-request-id") } }\n': '{ txn.sf:req_fhdr("x-request-id") } }\n'
        '    headers["x-forwarded-for"] = { txn.sf:src() }\n'
        '    headers["user-agent"] = { txn.sf:req_fhdr("user-agent") }\n'
    },
    "caddy": {},
}
"""What stands in the file of a gateway, and what it becomes."""
_ON_THE_PAGE = {
    "envoy": ("{exact: x-forwarded-for}", "{exact: user-agent}", "use_remote_address: true"),
    "nginx": ("proxy_set_header x-forwarded-for $remote_addr;",),
    "haproxy": (
        'headers["x-forwarded-for"] = { txn.sf:src() }',
        'headers["user-agent"] = { txn.sf:req_fhdr("user-agent") }',
    ),
    "caddy": (),
}


@pytest.fixture(params=[kind for kind in KINDS if kind.name in _ADDED], ids=lambda kind: str(kind.name))
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
def installation(
    kind: Kind, receiver: Model, private_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """One whose hook reports, and whose gateway was told to pass on what for."""
    changed, done = fronts._changed, set[str]()

    def with_additions(text: str, *args: object, **options: object) -> str:
        for old, new in _ADDED[kind.name].items():
            if old in text:
                done.add(old)
            text = text.replace(old, new)
        return changed(text, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fronts, "_changed", with_additions)
    reporting = msgspec.structs.replace(kind, hook_settings={"hook_calls_to": f"http://127.0.0.1:{receiver.port}"})
    with Installation(reporting, private_redis, tmp_path) as started:
        assert done == _ADDED[kind.name].keys()
        yield started


def _reported(receiver: Model) -> list[ApiCall]:
    bodies = [seen.body for seen in list(receiver.seen) if seen.path.startswith("/v1/calls")]
    return [
        call for body in bodies for line in body.splitlines() for call in wire.decode(line, max_bytes=1 << 20).calls
    ]


def test_who_called_from_where_with_what_is_reported_and_not_what_the_client_says(
    installation: Installation, receiver: Model
) -> None:
    assert installation.call("bob", x_forwarded_for=_FORGED, user_agent="Mosaic/1.0").status == 200
    wait_until(lambda: any(call.client == "bob" for call in _reported(receiver)), "bob's call is reported")
    (call,) = (call for call in _reported(receiver) if call.client == "bob")
    assert call.ua == "Mosaic/1.0"
    assert call.ip not in {None, _FORGED}


@pytest.mark.parametrize("name", _ON_THE_PAGE)
def test_page_says_what_to_add(name: str) -> None:
    added = "\n".join(_ADDED[name].values())
    assert [line for line in _ON_THE_PAGE[name] if line not in added or line not in page("gateways")] == []
