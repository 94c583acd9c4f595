"""`python -m backstory.demo`: the user service, where the `backstory` command is not at hand."""

from __future__ import annotations

import sys

from backstory.demo.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="python -m backstory.demo"))
