"""Where the demo prints."""

import os

from rich.console import Console

_WIDTH_OF_A_FILE = 120


def new_console() -> Console:
    """Standard output; as wide as the terminal, or a fixed width where it is a file or a pipe."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_A_FILE
    return console
