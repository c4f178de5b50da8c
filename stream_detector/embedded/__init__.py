"""A Kafka broker and a Redis-compatible server as child processes, for trying stream_detector out on one machine.

The broker is Tansu, the other server Valkey; both come as binaries in Python packages (extra `embedded`). Nothing
outside of this package knows either by name.

**Both keep everything in memory and forget it when they stop.** For anything you want to keep, run Apache Kafka and
Redis.

`watcher.py` makes sure that no child outlives us, whatever ends us: Ctrl-C, SIGTERM, an exception or `kill -9`.
"""

from stream_detector.embedded.children import ChildFailed, ChildGroup, ChildProcess
from stream_detector.embedded.stack import MEMORY_WARNING, EmbeddedStack, free_port

__all__ = ["MEMORY_WARNING", "ChildFailed", "ChildGroup", "ChildProcess", "EmbeddedStack", "free_port"]
