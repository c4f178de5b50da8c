"""Gateways that the tests cannot run: their files, held against what the hook really answers.

Traefik and APISIX copy what their files name (their own source: `forward.go`, `forward-auth.lua`). Kong runs our Lua.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lupa
import pytest
import yaml
from gateways.asking import Gateway, Reply
from gateways.hooks import decision, hook_with, options

from stream_detector.domain.decisions import Action, Limit

_FILES = Path(__file__).parents[2] / "deploy" / "gateways"
ONCE = Limit(requests=1, window_s=3600.0, burst=1)
DECISIONS = (
    decision("bad", Action.BLOCK),
    decision("slow", Action.THROTTLE, limit=ONCE),
    decision("odd", Action.MARK),
)


def file(name: str) -> Any:  # noqa: ANN401 - whatever the file holds
    return yaml.safe_load((_FILES / name).read_text())


def with_hook(use: Callable[[Gateway], Any], client_header: str = "x-client-id") -> None:
    async def run() -> None:
        async with hook_with(*DECISIONS, hook_options=options(client_header=client_header)) as gateway:
            await use(gateway)

    asyncio.run(run())


async def forwarded(gateway: Gateway, path: str, header: str, client: str) -> Reply:
    """The question of a forward-auth plugin: GET, without a body, with where the call was going."""
    fields = f"{header}: {client}\r\nx-forwarded-method: POST\r\nx-forwarded-uri: /v1/chat/completions\r\n"
    await gateway.send(f"GET {path} HTTP/1.1\r\nhost: hook\r\n{fields}\r\n".encode())
    return await gateway.read_reply()


def test_traefik_sends_and_copies_what_it_has_to() -> None:
    middlewares = file("traefik/dynamic.yaml")["http"]["middlewares"]
    asks = middlewares["stream-detector"]["forwardAuth"]
    header, software = asks["authRequestHeaders"]
    assert software == "user-agent"
    assert middlewares["authentication"]["basicAuth"]["headerField"] == header
    assert asks["address"] == "http://127.0.0.1:9109/check"

    async def use(gateway: Gateway) -> None:
        assert (await forwarded(gateway, "/check", header, "good")).status == 200
        assert (await forwarded(gateway, "/check", header, "bad")).status == 403
        marked = await forwarded(gateway, "/check", header, "odd")
        assert {name for name in marked.headers if name.startswith("x-")} == set(asks["authResponseHeaders"])

    with_hook(use)


def test_apisix_sends_and_copies_what_it_has_to() -> None:
    asks = file("apisix/apisix.yaml")["routes"][0]["plugins"]["forward-auth"]
    header, software = asks["request_headers"]
    assert software == "user-agent"
    rewritten = file("apisix/apisix.yaml")["routes"][0]["plugins"]["proxy-rewrite"]["headers"]["set"]
    assert asks["extra_headers"] == rewritten == {"x-request-id": "$request_id"}, "hook and model get the same id"
    copied = {name.lower() for name in asks["client_headers"]}

    async def use(gateway: Gateway) -> None:
        assert (await forwarded(gateway, "/check", header, "slow")).status == 200
        for client, status in (("slow", 429), ("bad", 403)):
            refused = await forwarded(gateway, "/check", header, client)
            assert refused.status == status >= 300, "from 300 on APISIX refuses"
            assert set(refused.headers) - {"content-length", "date", "server"} <= copied
        marked = await forwarded(gateway, "/check", header, "odd")
        assert {name for name in marked.headers if name.startswith("x-")} == set(asks["upstream_headers"])

    with_hook(use, client_header=header)


class Kong:
    """In place of Kong: runs the Lua of one call, and notes what it did."""

    def __init__(self, lua: str) -> None:
        self._lua = lua
        self.exits: list[tuple[int, Any, dict[str, str]]] = []
        self.to_model: dict[str, str] = {}
        self.to_client: dict[str, str] = {}

    def run(self, client: str | None, answer: Reply | None) -> "Kong":
        runtime = lupa.LuaRuntime()
        globals_ = runtime.globals()
        globals_.ask = lambda options: self._answer(runtime, options, client, answer)
        globals_.leave = lambda status, body, headers: self.exits.append((status, body, dict(headers)))
        globals_.tell_model = self.to_model.__setitem__
        globals_.tell_client = self.to_client.__setitem__
        globals_.consumer = runtime.table(username=client) if client else None
        runtime.execute(
            """
            package.loaded["resty.http"] = { new = function() return {
                set_timeouts = function() end,
                request_uri = function(_, _, options) return ask(options) end } end }
            kong = {
                client = { get_consumer = function() return consumer end,
                           get_forwarded_ip = function() return "192.0.2.7" end },
                request = { get_header = function(name) return name .. " of the client" end },
                node = { get_id = function() return "this-node" end },
                service = { request = { clear_header = function() end, set_header = tell_model } },
                response = { exit = function(...) leave(...) end, set_header = tell_client } }
            ngx = { md5 = function(text) return "md5 of " .. text end, now = function() return 1790000000.123 end,
                    worker = { pid = function() return 7 end } }
            """
        )
        runtime.execute(self._lua)
        return self

    def _answer(self, runtime: Any, asked: Any, client: str | None, answer: Reply | None) -> Any:  # noqa: ANN401 - Lua's
        told = {
            "x-request-id": self.to_model["x-request-id"],
            "x-forwarded-for": "192.0.2.7",
            "user-agent": "user-agent of the client",
        }
        assert dict(asked.headers) == told | ({"x-client-id": client} if client else {})
        if answer is None:
            return None
        found = runtime.table(status=answer.status, body=answer.body.decode(), headers=runtime.table())
        runtime.execute(
            "indexed = function(t, get) setmetatable(t, { __index = function(_, name) return get(name) end }) end"
        )
        runtime.globals().indexed(found.headers, lambda name: answer.headers.get(name.lower()))
        return found


def kong_lua() -> str:
    (plugin,) = (each for each in file("kong/kong.yaml")["plugins"] if each["name"] == "post-function")
    (lua,) = plugin["config"]["access"]
    return str(lua)


def header_names(headers: Mapping[str, str]) -> set[str]:
    return {name.lower() for name in headers}


def test_kong_refuses_and_passes_as_the_hook_says() -> None:
    async def use(gateway: Gateway) -> None:
        within = Kong(kong_lua()).run("slow", await gateway.ask("slow"))
        assert within.exits == []
        assert header_names(within.to_client) == {"ratelimit", "ratelimit-policy"}

        for client, status in (("slow", 429), ("bad", 403)):
            ((found, body, headers),) = Kong(kong_lua()).run(client, await gateway.ask(client)).exits
            assert found == status
            assert "Abnormal Usage Detected" in body
            assert {"content-type", "cache-control", "retry-after"} <= header_names(headers)

        marked = Kong(kong_lua()).run("odd", await gateway.ask("odd"))
        assert marked.exits == []
        assert marked.to_model.keys() == {"x-request-id", "x-stream-detector-mark"}
        assert marked.to_model["x-stream-detector-mark"] == "1"
        assert marked.to_client == {}

    with_hook(use)


@pytest.mark.parametrize("client", ["good", None])
def test_kong_passes_calls_when_the_hook_is_gone(client: str | None) -> None:
    assert Kong(kong_lua()).run(client, None).exits == []


def test_kong_refuses_calls_when_the_hook_is_gone_where_that_is_wanted() -> None:
    closed = "".join(
        line for line in kong_lua().splitlines(keepends=True) if not line.rstrip().endswith("-- fail open")
    )
    ((status, _, headers),) = Kong(closed).run("good", None).exits
    assert (status, headers["Retry-After"]) == (503, "1")
