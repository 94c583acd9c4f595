"""The `backstory` command: one file per command, each importing what it needs when it runs."""

from backstory.cli.program import main

__all__ = ["main"]
