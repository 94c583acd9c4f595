"""Where a long-running program's log goes, and what its lines look like: one place for all of them.

Loggers are called `backstory.…`. Their lines name streams, positions, ids, types and projections;
never data or metadata of an event, a row, or a command. So a name of a stream is an identifier: it
should be made of an id and not of what a person is called where logs go out of the house.
"""

from __future__ import annotations

import logging
import sys
from typing import Final, TextIO

from backstory.telemetry.lines import JsonLines, TextLines
from backstory.telemetry.log_format import LogFormat

_FORMATTERS: Final = {LogFormat.TEXT: TextLines, LogFormat.JSON: JsonLines}


def start_logging(
    log_format: LogFormat = LogFormat.TEXT,
    *,
    stream: TextIO | None = None,
    messages: bool | None = None,
) -> None:
    """Write the lines of this process to *stream* (stderr), in place of what wrote them before.

    Ours from INFO on, those of others from WARNING on, Python's warnings among them. *messages*
    says whether lines hold what errors of other libraries say, which may be personal data; unless
    told they do on a terminal only. Programs call it, once; a library never does.
    """
    stream = sys.stderr if stream is None else stream
    shown = stream.isatty() if messages is None else messages
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_FORMATTERS[log_format](messages=shown))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("backstory").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
