"""`python -m backstory`: the command line, where the `backstory` script is not on the path."""

from __future__ import annotations

import sys

from backstory.cli import main

if __name__ == "__main__":
    sys.exit(main())
