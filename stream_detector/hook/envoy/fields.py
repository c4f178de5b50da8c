"""What texts that Envoy sends can mean, and the one header that is not for the client."""

MARK = "x-stream-detector-mark"
"""For the model, never for the client."""
_MAX_CHARS = 256


def call_in(text: str) -> str:
    """The id of a call; empty for none."""
    return text if len(text) <= _MAX_CHARS else ""
