"""What texts that Envoy sends can mean, and the one header that is not for the client."""

MARK = "x-stream-detector-mark"
"""For the model, never for the client."""
_MAX_CHARS = 256


def client_in(text: str) -> str | None:
    """The id of a client; None for what no call event could carry."""
    return text if 0 < len(text) <= _MAX_CHARS and text.isprintable() else None


def call_in(text: str) -> str:
    """The id of a call; empty for none."""
    return text if len(text) <= _MAX_CHARS else ""
