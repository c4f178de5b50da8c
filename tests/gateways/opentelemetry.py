"""The real OpenTelemetry Collector with the file of deploy/collector, and an application that reports to it."""

import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode
from servers.processes import ServerProcess, accepts_connections, free_port

_ROOT = Path(__file__).parents[2]
_BUILT = _ROOT / ".cache" / "otelcol" / "otelcol"
CONFIG = _ROOT / "deploy" / "collector" / "otelcol.yaml"


def otelcol() -> str | None:
    """Path of the program; None where nobody has built it."""
    return str(_BUILT) if _BUILT.exists() else shutil.which("otelcol-contrib")


class OpenTelemetryCollector:
    """One process.

    Args:
        program: its path.
        folder: for its log and what is changed of the file.
        environment: variables of the file.
        changes: of the file, laid over it.
    """

    def __init__(
        self, program: str, folder: Path, environment: Mapping[str, str], changes: Mapping[str, Any] | None = None
    ) -> None:
        self._port = free_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self.log = folder / "otelcol.log"
        over = folder / "changes.yaml"
        over.write_text(yaml.safe_dump(dict(changes or {})))
        variables = {"OTLP_ENDPOINT": f"127.0.0.1:{self._port}", "COLLECTOR_TOKEN": "", **environment}
        command = [program, "--config", str(CONFIG), "--config", str(over)]
        self._server = ServerProcess(command, self.log, variables)

    def wait_ready(self) -> None:
        """Wait until it listens."""
        self._server.wait_ready(lambda: accepts_connections(self._port))

    def stop(self) -> None:
        """Ask it to end: it hands on what it has."""
        self._server.stop()


class Application:
    """Reports model calls with OpenTelemetry's SDK, as an instrumented program does.

    Args:
        endpoint: where to.
        resource: attributes of all that it reports.
    """

    def __init__(self, endpoint: str, resource: Mapping[str, str]) -> None:
        made_of = Resource.create(dict(resource))
        spans = TracerProvider(resource=made_of, shutdown_on_exit=False)
        spans.add_span_processor(SimpleSpanProcessor(_Spans(f"{endpoint}/v1/traces")))
        logs = LoggerProvider(resource=made_of, shutdown_on_exit=False)
        logs.add_log_record_processor(SimpleLogRecordProcessor(_Logs(f"{endpoint}/v1/logs")))
        self._tracer, self._logger = spans.get_tracer("application"), logs.get_logger("application")

    def span(
        self, name: str, attributes: Mapping[str, Any], begin_ns: int, end_ns: int, *, has_failed: bool = False
    ) -> str:
        """Report a span; its id as our calls have it."""
        span = self._tracer.start_span(name, attributes=dict(attributes), start_time=begin_ns)
        if has_failed:
            span.set_status(StatusCode.ERROR)
        span.end(end_ns)
        context = span.get_span_context()
        return f"{context.trace_id:032x}:{context.span_id:016x}"

    def event(self, name: str, attributes: Mapping[str, Any], at_ns: int) -> None:
        """Report an event."""
        self._logger.emit(timestamp=at_ns, event_name=name, attributes=dict(attributes))


class _Spans(SpanExporter):
    def __init__(self, url: str) -> None:
        self._url = url

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        _post(self._url, encode_spans(spans).SerializeToString())
        return SpanExportResult.SUCCESS


class _Logs(LogRecordExporter):
    def __init__(self, url: str) -> None:
        self._url = url

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        _post(self._url, encode_logs(batch).SerializeToString())
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 0) -> bool:  # noqa: ARG002 - nothing waits
        return True

    def shutdown(self) -> None:
        """Nothing is kept."""


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"content-type": "application/x-protobuf"})  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - ours
        answer.read()
