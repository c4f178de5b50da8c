"""A worker process around `recorder.Recorder`: `python worker.py OPTIONS`, options as one JSON object."""

import importlib.metadata
import logging
import sys
from pathlib import Path

import msgspec


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a test decides about a worker."""

    bootstrap: str
    topic: str
    group: str
    transport: str
    checkpoints: str
    """Folder shared by all workers."""
    log: str
    """File of JSON lines; the first is what transport is in use."""
    checkpoint_s: float = 0.3
    pause_s: float = 0.0
    max_chunk_records: int = 500
    raise_at: str | None = None
    """The handler fails at this value."""
    tick_fails: bool = False
    stall_limit_s: float = 120.0
    pretend_faust: str | None = None
    """Version of faust-streaming that this process believes to be installed."""


def main(options: WorkerOptions) -> int:
    if options.pretend_faust:
        real_version = importlib.metadata.version
        importlib.metadata.version = lambda name: (
            options.pretend_faust if name == "faust-streaming" else real_version(name)
        )
    from streaming.recorder import Checkpoints, Recorder  # noqa: PLC0415 - the version is pretended before Faust is imported

    from stream_detector.stream import runner  # noqa: PLC0415
    from stream_detector.stream.app import StreamOptions, create_stream  # noqa: PLC0415

    async def work() -> int:
        recorder = Recorder(
            Checkpoints(Path(options.checkpoints)),
            Path(options.log),
            checkpoint_s=options.checkpoint_s,
            pause_s=options.pause_s,
            raise_at=options.raise_at.encode() if options.raise_at else None,
            tick_fails=options.tick_fails,
        )
        stream_options = StreamOptions(
            bootstrap_servers=options.bootstrap,
            topic=options.topic,
            group=options.group,
            transport=options.transport,
            rebalance_timeout_s=3.0,
            max_chunk_records=options.max_chunk_records,
        )
        stream = create_stream(recorder, stream_options)
        logging.getLogger("worker").warning("transport in use: %s", stream.transport)
        return await runner.run_until_stopped(stream, stall_limit_s=options.stall_limit_s)

    return runner.run(work())


if __name__ == "__main__":
    logging.basicConfig(level="WARNING", format="%(asctime)s %(name)s %(levelname)s %(message)s")
    sys.exit(main(msgspec.json.decode(sys.argv[1], type=WorkerOptions)))
