"""JSON Schema of the stable contracts, generated from the types (`stream-detector schema DIRECTORY`)."""

from typing import Any

import msgspec

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Decision
from stream_detector.domain.feedback import Feedback

CONTRACTS: dict[str, type[msgspec.Struct]] = {
    "api-call.v1": ApiCall,
    "decision.v1": Decision,
    "dead-letter.v1": DeadLetter,
    "feedback.v1": Feedback,
}


def schema_of(name: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of one contract; `name` is a key of `CONTRACTS`."""
    text = msgspec.json.encode(msgspec.json.schema(CONTRACTS[name]))
    # Its patterns are those of ECMA-262, which knows no \Z; `$` is the very end there.
    schema = msgspec.json.decode(text.replace(rb'\\Z"', b'$"'))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name, **schema}
