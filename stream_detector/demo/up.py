"""`stream-detector up`: the whole system on this machine, waiting for calls of your own, until Ctrl-C."""

import asyncio
import sys

import aiohttp
import uvloop
from rich.console import Console
from rich.text import Text

from stream_detector.demo.console import new_console
from stream_detector.demo.system import System, start_system
from stream_detector.demo.tasks import interruptible, until_a_child_dies
from stream_detector.embedded import MEMORY_WARNING, EmbeddedStack

_HELP = """\
stream_detector is up until Ctrl-C.

  Kafka     {kafka}, topics {calls}, {decisions}, {dead}
  Redis     {redis}
  hook      {hook}/check
  metrics   {worker_metrics} (worker)
            {hook_metrics} (hook)

Send one call of client alice:

{python} - <<'END'
import json, time
from kafka import KafkaProducer
call = {{"id": "call-1", "ts": time.time(), "client": "alice", "model": "large", "status": 200, "prompt": "Hello!"}}
producer = KafkaProducer(bootstrap_servers="{kafka}")
producer.send("{calls}", json.dumps(call).encode(), key=b"alice")
producer.flush()
END

Or start a collector, and send calls as HTTP bodies:

STREAM_DETECTOR_KAFKA={kafka} {python} -m stream_detector collector

See that the worker has observed it:

curl -s {worker_metrics} | grep stream_detector_calls_total

Ask whether alice may call (200 yes, 429 throttled, 403 blocked):

curl -i -H '{client_header}: alice' {hook}/check

{warning}
"""


def run_up() -> int:
    """Run until Ctrl-C or SIGTERM; return the exit code.

    Raises:
        ConfigError: a setting does not fit, or a server is not installed.
        ChildFailed: a child process died or did not get ready.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(interruptible(_up(new_console())))
    return 0


async def _up(console: Console) -> None:
    console.print("Starting broker, store, worker and hook ...", style="dim")
    async with EmbeddedStack() as stack, aiohttp.ClientSession() as session:
        system = await start_system(stack, session, timeline=None)
        console.print(Text(help_text(system, sys.executable)), soft_wrap=True)
        await until_a_child_dies(stack.children)


def help_text(system: System, python: str) -> str:
    """Where everything listens, and commands to paste; `python` is an interpreter that has our packages."""
    settings = system.settings
    return _HELP.format(
        kafka=settings.kafka,
        redis=settings.redis,
        calls=settings.topic_calls,
        decisions=settings.topic_decisions,
        dead=settings.topic_dead,
        hook=system.hook,
        client_header=settings.hook_client_header,
        worker_metrics=system.worker_metrics,
        hook_metrics=system.hook_metrics,
        python=python,
        warning=MEMORY_WARNING,
    )
