"""For ASGI applications: `app.add_middleware(StreamDetectorMiddleware, client_of=...)`; see docs/gateways.md."""

from stream_detector.bootstrap.asgi import StreamDetectorMiddleware

__all__ = ["StreamDetectorMiddleware"]
