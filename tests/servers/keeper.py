"""Ends a PostgreSQL server when the process that started it is gone, however it went.

Run with the server's folder: waits until its standard input is closed, which the kernel does even
for a process that was killed, then stops the server, gives its shared memory back, and deletes the
folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Final

_IPC_RMID: Final = 0
_PATIENCE: Final = 60.0


def main(folder: Path) -> None:
    """Wait for the end of standard input, then clear *folder* and what belongs to it away."""
    sys.stdin.buffer.read()
    pid_file = folder / "data" / "postmaster.pid"
    _end(pid_file)
    # Still there: the server was killed, and could not give its segment back by itself.
    segment = _lines(pid_file)[6:7]
    if segment and segment[0].split():
        ctypes.CDLL(None).shmctl(int(segment[0].split()[1]), _IPC_RMID, None)
    shutil.rmtree(folder, ignore_errors=True)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _end(pid_file: Path) -> None:
    """Shut the server down without a word to its clients; return when it is gone."""
    lines = _lines(pid_file)
    if not lines:
        return
    pid, deadline = int(lines[0]), time.monotonic() + _PATIENCE
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)  # a test may have left it paused
        os.kill(pid, signal.SIGQUIT)
        # It is gone when its file is: as an orphan it may wait for ever to be buried.
        while _lines(pid_file) and time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.01)
        if _lines(pid_file):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
