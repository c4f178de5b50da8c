"""The software between a campaign and the API, as changes of its requests."""

from collections.abc import Iterator
from random import Random

import msgspec

from stream_detector.simulate.campaigns.campaign import Harness
from stream_detector.simulate.grammar import header
from stream_detector.simulate.outcome import Request

_RELAY_AGENTS = ("axios/1.7.2", "node-fetch/3.3.2", "okhttp/4.12.0", "Go-http-client/2.0")
_TURNS_PER_SESSION = 12


def agent_of(harness: Harness, shared: Random, own: str) -> str:
    """The user agent: a relay shows its own, whoever calls."""
    return shared.choice(_RELAY_AGENTS) if harness is Harness.RELAY else own


def through(harness: Harness, rng: Random, shared: Random, requests: Iterator[Request]) -> Iterator[Request]:
    """Requests as the software sends them."""
    match harness:
        case Harness.DRIVER:
            return requests
        case Harness.RELAY:
            return _relayed(rng, requests)
        case Harness.FRAMEWORK:
            return _framed(shared, requests)


def _relayed(rng: Random, requests: Iterator[Request]) -> Iterator[Request]:
    """The ids of end users look like those of a popular tool: a device of the account, and a session."""
    device, session = f"{rng.getrandbits(64):016x}", ""
    for request in requests:
        if not session or rng.random() < 1 / _TURNS_PER_SESSION:
            session = f"{rng.getrandbits(48):012x}"
        user = f"user_{device}_session_{session}"
        yield msgspec.structs.replace(request, user=user, stream=True, route="/v1/messages")


def _framed(shared: Random, requests: Iterator[Request]) -> Iterator[Request]:
    start = header("harness", shared.choice(("tool_loop", "code_agent", "context_answer")))
    for request in requests:
        yield msgspec.structs.replace(request, text=start + request.text)
