"""Files that settings name: read once, whole, and never without end."""

import errno
import stat
from pathlib import Path

MAX_BYTES = 16 << 20
"""Room for a few hundred thousand names of clients, which take some seconds to read."""


def read_text(path: str) -> str:
    """The text of a file.

    Raises:
        OSError: it cannot be read, is a device or a pipe, which may have no end, or has more than `MAX_BYTES`;
            `strerror` says which.
        UnicodeDecodeError: it is not UTF-8.
    """
    file = Path(path)
    found = file.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):  # opening a folder says what it is
        raise OSError(errno.EINVAL, "not a regular file", path)
    if found.st_size > MAX_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MAX_BYTES >> 20} MiB", path)
    return file.read_text("utf-8")
