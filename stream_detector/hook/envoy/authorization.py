"""`envoy.service.auth.v3.Authorization/Check`: what Envoy's `ext_authz` filter asks about every call.

1. A refusal is `denied_response` with the status, headers and body that the HTTP hook sends.
2. Our own trouble is `error_response` 503, which obeys the filter's `failure_mode_allow`.
3. A throttle that stands is told in the call's metadata `envoy.filters.http.ext_authz`: `limit` with `requests_per_unit` and
   `unit`, from where the rate limit filter can take it. A limit that Envoy cannot express exactly is not told.
4. Where the route's `context_extensions` say `limits: rate_limit_filter`, a limit that is told is left to that filter, and
   the call is not counted here. Every other limit still is.
5. A call that was asked about is reported after the answer, so that nobody waits for that.

Source: Envoy's `api/envoy/service/auth/v3/external_auth.proto`.
"""

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from grpc import StatusCode
from msgspec import Struct

from stream_detector.domain.identity import Identity
from stream_detector.domain.limits import Ask
from stream_detector.domain.verdicts import Verdict
from stream_detector.hook.answers import MARK_HEADER, Answer, Dialect, Headers, answer
from stream_detector.hook.envoy.units import UnitRate, exact_rate
from stream_detector.hook.judge import Judge
from stream_detector.hook.needs import Field, ask_of, call_id
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.seen import Report, call_of
from stream_detector.ports import Clock

_RATE_LIMIT_FILTER = "rate_limit_filter"
_LOOK: Final = Ask(requests=0, input_tokens=0, output_tokens=0)
"""Counts nothing."""
_OK, _UNAVAILABLE = 200, 503
_CODES: Final = {
    401: StatusCode.UNAUTHENTICATED.value[0],
    403: StatusCode.PERMISSION_DENIED.value[0],
    429: StatusCode.RESOURCE_EXHAUSTED.value[0],
    _UNAVAILABLE: StatusCode.UNAVAILABLE.value[0],
}


class Authorization:
    """The service.

    Args:
        judge: decides.
        observer: hears of every answer.
        identity: makes a client id of what the gateway passes on.
        client_header: request header that holds it; the gateway must overwrite what a client sends.
        call_header: request header that holds the id of the call.
        report: takes every call that was asked about; None for nobody.
        clock: event time of these calls.
        timer: seconds that never go back, of the finest resolution.
    """

    def __init__(
        self,
        *,
        judge: Judge,
        observer: HookObserver,
        identity: Identity,
        client_header: str,
        call_header: str,
        report: Report | None,
        clock: Clock,
        timer: Callable[[], float],
    ) -> None:
        self._judge = judge
        self._observer = observer
        self._identity = identity
        self._client_header = client_header.lower()
        self._call_header = call_header.lower()
        self._report, self._clock = report, clock
        self._timer = timer

    async def Check(self, request: CheckRequest, _context: object) -> CheckResponse:  # noqa: N802 - gRPC's name
        """May this call pass?"""
        started = self._timer()
        field = _fields(request.attributes.request.http)
        client = self._identity.of(field(self._client_header))
        limits = request.attributes.context_extensions.get("limits", "")
        reply = await self._reply(client, lambda: ask_of(field, self._call_header), limits)
        self._observer.answered(reply.verdict, self._timer() - started)
        if self._report is not None and client is not None:
            asyncio.get_running_loop().call_soon(self._tell, self._report, request.attributes, client, reply.verdict)
        return reply.response

    async def _reply(self, client: str | None, ask: Callable[[], Ask], limits: str) -> "_Reply":
        if limits == _RATE_LIMIT_FILTER:
            verdict = await self._judge.check(client, lambda: _LOOK)
            rate = None if verdict.limit is None else exact_rate(verdict.limit)
            if rate is not None:
                return _Reply(verdict, _handed_over(verdict, rate))
            if verdict.limit is None:
                return _Reply(verdict, response_of(verdict))
        verdict = await self._judge.check(client, ask)
        return _Reply(verdict, response_of(verdict))

    def _tell(self, report: Report, attributes: AttributeContext, client: str, verdict: Verdict) -> None:
        http = attributes.request.http
        field = _fields(http)
        call = call_of(
            field,
            path=unquote(http.path.partition("?")[0]),
            client=client,
            call=call_id(field(self._call_header)),
            ts=self._clock.now_s(),
            verdict=verdict,
            peer=attributes.source.address.socket_address.address,
        )
        if call is not None:
            report(call)


class _Reply(Struct, frozen=True):
    verdict: Verdict
    response: CheckResponse


def _fields(http: AttributeContext.HttpRequest) -> Field:
    """Header fields by name; None where there is none, or several.

    Several of a name are told apart only with `encode_raw_headers`; without it Envoy has joined them by commas.
    """
    raw = http.header_map.headers
    if not raw:
        joined: Field = http.headers.get
        return joined

    def only(name: str) -> str | None:
        found = [each for each in raw if each.key.lower() == name]
        return found[0].value or found[0].raw_value.decode("utf-8", "replace") if len(found) == 1 else None

    return only


def response_of(verdict: Verdict) -> CheckResponse:
    """The verdict in Envoy's words."""
    reply = answer(verdict, Dialect.HTTP)
    if reply.status != _OK:
        response = _refusal(reply)
    elif reply.headers:
        response = _pass(reply)
    else:
        return _PASS
    rate = None if verdict.limit is None else exact_rate(verdict.limit)
    if rate is not None:
        _tell_limit(response, rate)
    return response


def _handed_over(verdict: Verdict, rate: UnitRate) -> CheckResponse:
    """The call passes here; what the client hears of its limit is up to the filter that counts."""
    response = _pass(Answer(_OK, [(MARK_HEADER, verdict.mark)] if verdict.mark else []))
    _tell_limit(response, rate)
    return response


def _tell_limit(response: CheckResponse, rate: UnitRate) -> None:
    limit = response.dynamic_metadata.fields["limit"].struct_value
    limit.update({"requests_per_unit": rate.requests, "unit": rate.unit.name})


def _pass(reply: Answer) -> CheckResponse:
    response = CheckResponse()
    marks = reply.for_model
    if not marks:
        response.ok_response.headers_to_remove.append(MARK_HEADER)  # a client cannot mark itself
    response.ok_response.headers.extend(_options(marks))
    response.ok_response.response_headers_to_add.extend(_options(reply.for_client))
    return response


def _refusal(reply: Answer) -> CheckResponse:
    response = CheckResponse()
    response.status.code = _CODES.get(reply.status, StatusCode.UNKNOWN.value[0])
    refusal = response.error_response if reply.status == _UNAVAILABLE else response.denied_response
    refusal.status.code = reply.status
    refusal.headers.extend(_options(reply.headers))
    refusal.body = reply.body.decode()
    return response


def _options(headers: Headers) -> list[HeaderValueOption]:
    return [
        HeaderValueOption(
            header=HeaderValue(key=name, value=value), append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
        )
        for name, value in headers
    ]


_PASS: Final = _pass(Answer(_OK, []))
