"""A FastAPI service in front of a model. It enforces decisions by itself: it asks no hook, only Redis.

pip install 'stream-detector[asgi]' fastapi uvicorn httpx websockets
STREAM_DETECTOR_REDIS=redis://127.0.0.1:6379/0 uvicorn app:app --port 8080
"""

import asyncio
from contextlib import suppress

import httpx
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.types import Scope
from websockets.asyncio.client import ClientConnection, connect

from stream_detector.asgi import StreamDetectorMiddleware

# Your authentication belongs here: which key belongs to which client.
KEYS = {"key-of-alice": "alice", "key-of-bob": "bob", "key-of-carol": "carol"}
MARK = "x-stream-detector-mark"


class Keys(AuthenticationBackend):
    """Knows clients by their API keys."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Whose call it is; None for nobody's."""
        scheme, _, key = conn.headers.get("authorization", "").partition(" ")
        client = KEYS.get(key) if scheme.lower() == "bearer" else None
        return None if client is None else (AuthCredentials(["client"]), SimpleUser(client))


def client_of(scope: Scope) -> str | None:
    """What authentication said, never what the caller says."""
    user: BaseUser = scope["user"]
    return user.display_name if user.is_authenticated else None


# The first one is the outermost: authentication comes before us. With add_middleware it is the other way round: the one
# added last is the outermost.
app = FastAPI(
    middleware=[
        Middleware(AuthenticationMiddleware, backend=Keys()),
        Middleware(StreamDetectorMiddleware, client_of=client_of),
    ]
)
model = httpx.AsyncClient(base_url="http://127.0.0.1:8000", timeout=600)


@app.post("/v1/chat/completions")
async def complete(request: Request) -> StreamingResponse:
    """Pass the call on, with the mark if it has one, and the answer back as it comes."""
    sent = {name: request.headers[name] for name in ("content-type", MARK) if name in request.headers}
    call = model.build_request("POST", request.url.path, content=await request.body(), headers=sent)
    answer = await model.send(call, stream=True)
    kept = {"content-type": answer.headers["content-type"]}
    return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose))


@app.websocket("/v1/realtime")
async def talk(client: WebSocket) -> None:
    """Pass texts on in both directions, with the mark to the model if there is one, until either side leaves."""
    sent = {MARK: client.headers[MARK]} if MARK in client.headers else {}
    async with connect("ws://127.0.0.1:8000/v1/realtime", additional_headers=sent) as session:
        await client.accept()
        speaking = asyncio.create_task(speak(client, session))
        with suppress(WebSocketDisconnect):
            async for text in session:
                await client.send_text(text)
            speaking.cancel()
            await client.close()


async def speak(client: WebSocket, session: ClientConnection) -> None:
    """Pass the client's texts on to the model until the client leaves."""
    async for text in client.iter_text():
        await session.send(text)
    await session.close()
