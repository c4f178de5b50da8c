"""What the sender hears.

* 200: Kafka has everything; documents that could not be used are dead letters there, and are listed in the answer.
* 202: so it has, but for halves of calls, which wait in memory for the other half.
* 400, 401, 404, 405, 413, 415: this body will never be taken; do not send it again.
* 408: the body did not arrive in time.
* 503 with `Retry-After`: send it again.

OTLP has its own words for the first two: always 200, and a partial success.
"""

import msgspec
from msgspec import Struct

from stream_detector.collector.routes import JSON, PROTOBUF
from stream_detector.wire.calls import Rejected
from stream_detector.wire.sources.events import Found
from stream_detector.wire.sources.otlp import Signal
from stream_detector.wire.sources.otlp_schema import ExportLogsServiceResponse, ExportTraceServiceResponse

Headers = list[tuple[str, str]]

_MOST_LISTED = 20
_PROBLEM = "application/problem+json"
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}


class Reply(Struct, frozen=True):
    """One HTTP response."""

    status: int
    headers: Headers
    body: bytes


class Refusal(Exception):
    """The body is not taken.

    Args:
        status: of the answer.
        detail: what is wrong and what to do, in one line.
        headers: of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Headers | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or []


def problem(refusal: Refusal) -> Reply:
    """The answer to a body that is not taken (RFC 9457)."""
    content = {"title": _TITLES[refusal.status], "status": refusal.status, "detail": refusal.detail}
    return Reply(refusal.status, [("content-type", _PROBLEM), *refusal.headers], msgspec.json.encode(content))


def taken(found: Found, *, is_held: bool) -> Reply:
    """The answer to a body that was taken."""
    content = {
        "accepted": len(found.events),
        "skipped": found.skipped,
        "refused": [_line(each) for each in found.refused[:_MOST_LISTED]],
        "refused_total": len(found.refused),
        "left_out": found.left_out[:_MOST_LISTED],
    }
    return Reply(202 if is_held else 200, [("content-type", JSON)], msgspec.json.encode(content))


def taken_otlp(found: Found, signal: Signal, kind: str) -> Reply:
    """The answer to an export request that was taken, in the form that it came in."""
    rejected, why = len(found.refused), "; ".join(map(_text, found.refused[:_MOST_LISTED]))
    if kind == PROTOBUF:
        response = ExportLogsServiceResponse() if signal is Signal.LOGS else ExportTraceServiceResponse()
        if rejected and isinstance(response, ExportLogsServiceResponse):
            response.partial_success.rejected_log_records = rejected
        elif rejected and isinstance(response, ExportTraceServiceResponse):
            response.partial_success.rejected_spans = rejected
        if rejected:
            response.partial_success.error_message = why
        return Reply(200, [("content-type", PROTOBUF)], response.SerializeToString())
    name = "rejectedLogRecords" if signal is Signal.LOGS else "rejectedSpans"
    content = {"partialSuccess": {name: str(rejected), "errorMessage": why}} if rejected else {}
    return Reply(200, [("content-type", JSON)], msgspec.json.encode(content))


def _line(rejected: Rejected) -> dict[str, object]:
    return {"index": rejected.index, "reason": rejected.error.reason, "detail": rejected.error.detail}


def _text(rejected: Rejected) -> str:
    return f"{rejected.index}: {rejected.error}"
