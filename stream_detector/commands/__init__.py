"""Groups of commands. Every command is a few lines: it reads settings, calls one function, and explains errors."""
