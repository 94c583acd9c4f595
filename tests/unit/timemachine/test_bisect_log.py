"""The log of a search: what was answered is not asked again, and no other goes on with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from backstory.core.errors import InvalidSetting
from backstory.timemachine.bisect_log import Answer, BisectLog, Header, begin_log, read_log
from backstory.timemachine.bisecting import Verdict

HEADER = Header(
    question="nobody is in debt", application="purses", good=0, bad=9, end="id", redeliver=False
)
ANSWERS = [
    Answer(3, Verdict.HOLDS),
    Answer(7, Verdict.FAILS, "ä\n owes"),
    Answer(5, Verdict.UNKNOWN),
]


def written(path: Path) -> Path:
    """Write a log of the answers at *path*."""
    with begin_log(path, HEADER) as file:
        log = BisectLog(file)
        for answer in ANSWERS:
            log.add(answer)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Each answer by its position; each is in the file as soon as it is given."""
    path = tmp_path / "log"
    with begin_log(path, HEADER) as file:
        log = BisectLog(file)
        for number, answer in enumerate(ANSWERS, 1):
            log.add(answer)
            assert read_log(path, HEADER) == {one.position: one for one in ANSWERS[:number]}
    BisectLog(None).add(ANSWERS[0])


def test_a_line_that_was_cut_short_does_not_count(tmp_path: Path) -> None:
    """The process was killed while it wrote; a wrong line elsewhere is an error."""
    path = written(tmp_path / "log")
    path.write_text(path.read_text(encoding="utf-8")[:-6], encoding="utf-8")
    assert set(read_log(path, HEADER)) == {3, 7}
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], "nonsense", *lines[1:]]), encoding="utf-8")
    with pytest.raises(InvalidSetting, match="line 2"):
        read_log(path, HEADER)


@pytest.mark.parametrize(
    "change",
    [
        {"question": "other"},
        {"application": "other"},
        {"good": 1},
        {"bad": 8},
        {"end": None},
        {"redeliver": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_search_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """With what differs."""
    path = written(tmp_path / "log")
    with pytest.raises(InvalidSetting, match=next(iter(change))):
        read_log(path, msgspec.structs.replace(HEADER, **change))


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    """Nor is a file overwritten."""
    path = tmp_path / "log"
    with pytest.raises(InvalidSetting, match="no log"):
        read_log(path, HEADER)
    path.write_text("a letter")
    with pytest.raises(InvalidSetting, match="no log"):
        read_log(path, HEADER)
    with pytest.raises(InvalidSetting, match="cannot be made"):
        begin_log(path, HEADER)
    assert path.read_text() == "a letter"
