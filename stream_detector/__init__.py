"""stream_detector: finds model extraction in live AI API traffic and stops it at the gateway."""

from importlib.metadata import version

__version__ = version("stream-detector")
