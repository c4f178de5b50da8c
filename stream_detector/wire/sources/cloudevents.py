"""CloudEvents 1.0 -> calls, in binary and in structured mode, over HTTP and Kafka, and batches of HTTP.

`data` is one of our calls (docs/calls.md). What it does not say comes from the attributes: `id`, `time` as `ts`,
`partitionkey` as `client`. A `type` that ends in `.request` or `.completion` says which part of a call it is.

Source: CloudEvents 1.0.2, its JSON format, HTTP binding (`ce-id`, percent-encoded) and Kafka binding (`ce_id`).
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from stream_detector.domain.errors import MalformedCall, RejectReason
from stream_detector.wire.sources import values
from stream_detector.wire.sources.call_lines import draft_of
from stream_detector.wire.sources.documents import as_object, split_array
from stream_detector.wire.sources.events import UNDECODABLE, Discretion, Draft, Found, Part, gather, unreadable

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_HTTP, _KAFKA = "ce-", "ce_"
_VERSION = "1."


def read(body: bytes | None, discretion: Discretion, part: Part = Part.WHOLE, *, headers: Mapping[str, str]) -> Found:
    """Read one message.

    Args:
        body: of the message; None is Kafka's tombstone.
        discretion: what becomes of texts and of those who are named.
        part: of a call that it tells, where its type does not say so.
        headers: of the message; names in lower case.
    """
    content = body or b""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        documents = split_array(content.strip()) if kind == BATCH else [content]
    except UNDECODABLE as error:
        return unreadable(content, f"not a batch of CloudEvents: {error}")
    if kind in {STRUCTURED, BATCH}:
        return gather(documents, lambda document: _draft(as_object(document)), discretion=discretion, part=part)
    attributes: dict[str, object] = {
        name[len(_HTTP) :]: unquote(value) if name.startswith(_HTTP) else value
        for name, value in headers.items()
        if name.startswith((_HTTP, _KAFKA))
    }
    return gather(
        documents, lambda document: _draft(attributes | {"data": as_object(document)}), discretion=discretion, part=part
    )


def _draft(event: Mapping[str, object]) -> Draft:
    version = values.text(event.get("specversion")) or ""
    if not version.startswith(_VERSION):
        message = f"specversion: must be 1.0, got {version[:20]!r}; in binary mode it is the header ce-specversion"
        raise MalformedCall(RejectReason.INVALID_FIELD, message)
    draft = draft_of(_data(event))
    given: dict[str, object] = {
        "id": values.text(event.get("id")),
        "ts": values.moment_s(event.get("time")),
        "client": values.text(event.get("partitionkey")),
    }
    draft.fields = given | {name: value for name, value in draft.fields.items() if value is not None}
    kind = values.text(event.get("type")) or ""
    if draft.part is None:
        draft.part = next((each for each in Part if kind.endswith(f".{each.value}")), None)
    return draft


def _data(event: Mapping[str, object]) -> dict[str, object]:
    data, encoded = event.get("data"), event.get("data_base64")
    if isinstance(encoded, str):
        try:
            data = as_object(base64.b64decode(encoded, validate=True))
        except (binascii.Error, ValueError, *UNDECODABLE) as error:
            message = "data_base64: must be base64 of a JSON object"
            raise MalformedCall(RejectReason.INVALID_FIELD, message) from error
    if not isinstance(data, dict):
        message = f"data: must be a JSON object, one call as in docs/calls.md, got {type(data).__name__}"
        raise MalformedCall(RejectReason.INVALID_FIELD, message)
    return data
