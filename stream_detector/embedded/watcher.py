"""Ends the children when their parent is gone, however it went. Run as a script; imports nothing of the project.

1. It leads a process group, and every child is started into that group. Children of children are in it too.
2. Its standard input is a pipe whose other end only the parent holds: end-of-file means the parent is gone, or done.
3. Then it kills the whole group, itself included, and a fork that has left the group removes the directory.

No process id is ever stored, so none can be reused by a stranger, and it needs nothing that only Linux has.
"""

import os
import shutil
import signal
import sys


def main(directory: str) -> None:
    """Wait for the end of the parent, then leave nothing behind; `directory` holds the children's logs and data."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while sys.stdin.buffer.read(4096):
        pass
    group = os.getpid()
    if os.fork() == 0:
        os.setpgid(0, 0)
        os.killpg(group, signal.SIGKILL)
        shutil.rmtree(directory, ignore_errors=True)
        os._exit(0)
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
