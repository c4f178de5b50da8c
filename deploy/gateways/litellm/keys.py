"""Example keys for LiteLLM, in place of a database with virtual keys."""

from fastapi import HTTPException, Request
from litellm.proxy._types import UserAPIKeyAuth

KEYS = {"sk-key-of-alice": "alice", "sk-key-of-bob": "bob", "sk-key-of-carol": "carol"}


async def authenticate(request: Request, api_key: str) -> UserAPIKeyAuth:  # noqa: ARG001 - LiteLLM's signature
    """Whose key it is. LiteLLM hashes a key that begins with `sk-`, and the hash is the client id."""
    if api_key not in KEYS:
        raise HTTPException(401, "no such key")
    return UserAPIKeyAuth(api_key=api_key, user_id=KEYS[api_key])
