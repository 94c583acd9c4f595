from __future__ import annotations

import re
from typing import Final

from tests.architecture.tree import project_files, shown

# Written in parts, so that this file does not find itself.
HOSTS: Final = [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com")]
FOLDERS: Final = ["root", "work", "opt"]

TRACE: Final = re.compile(
    "|".join(
        [
            *(rf"{re.escape(name)}\.{top}" for name, top in HOSTS),
            *(rf"(?<![\w./~]){folder}(?=/)" for folder in (f"/{name}" for name in FOLDERS)),
        ]
    )
)


def test_no_file_names_a_package_host_or_a_folder_of_one_machine() -> None:
    """The project is set up from any mirror, at any place."""
    traces = []
    for path in project_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        traces += [f"{shown(path)}: {found[0]}" for found in TRACE.finditer(text)]
    assert traces == []


def test_the_search_knows_a_trace_when_it_sees_one() -> None:
    """The search above is not blind."""
    for parts in (["https:/", "files.pythonhosted" + ".org", "x"], ["", "root", "project"]):
        assert TRACE.search("/".join(parts))
    assert not TRACE.search("src/root/x and ./work/y")
