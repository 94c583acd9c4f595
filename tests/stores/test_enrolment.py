"""No store of the tree, no power it declares and no topic of the contract goes untested."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from pkgutil import iter_modules
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from backstory import stores
from backstory.core.store import Power
from backstory.stores.powers import POWERS
from backstory.testing import StoreContract, contract
from backstory.testing.contract.powers import own_tests, reason_to_skip, required_by
from backstory.testing.contract.topic import Topic

NO_STORES: Final = {"open", "payload", "powers", "retention"}
HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
CONTRACT: Final = Path(contract.__file__).parent


def enrolled() -> dict[str, tuple[str, type[StoreContract]]]:
    """Return the enrolments in this folder, with their node ids, by the name of the store."""
    found = {}
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(f"tests.stores.{path.stem}")
        for name, value in vars(module).items():
            if name.startswith("Test") and issubclass(value, StoreContract):
                node = f"{path.relative_to(ROOT)}::{name}"
                found[value.store_name] = (node, value)
    return found


def topics() -> list[type[Topic]]:
    """Return every topic class in the contract's files."""
    return [
        value
        for module in iter_modules(contract.__path__)
        if module.name != "child"
        for value in vars(importlib.import_module(f"{contract.__name__}.{module.name}")).values()
        if inspect.isclass(value)
        and issubclass(value, Topic)
        and value.__module__ == f"{contract.__name__}.{module.name}"
    ]


def all_tests() -> dict[str, object]:
    """Return the tests of the contract by name."""
    return {name: test for topic in topics() for name, test in own_tests(topic).items()}


def test_every_store_in_the_tree_is_enrolled() -> None:
    """A new store without its contract fails here."""
    in_tree = {module.name for module in iter_modules(stores.__path__)} - NO_STORES
    assert in_tree == set(POWERS)
    assert in_tree <= set(enrolled())


def test_every_topic_belongs_to_the_contract() -> None:
    """A topic that nobody inherits would be dead letters."""
    assert {topic.__name__ for topic in topics() if not issubclass(StoreContract, topic)} == set()


def test_no_two_topics_have_a_test_of_the_same_name() -> None:
    """The second would silently replace the first in the class that inherits both."""
    names = Counter(name for topic in topics() for name in own_tests(topic))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_enrolment_replaces_a_test_of_the_contract() -> None:
    """A store may add tests, not soften those that are there."""
    for _, store in enrolled().values():
        assert set(own_tests(store)) & set(all_tests()) == set()


def test_every_power_has_tests_that_need_it() -> None:
    """A power that nothing needs promises nothing."""
    needed = set().union(*(required_by(test) for test in all_tests().values()))
    assert needed == set(Power)


def test_the_contract_skips_in_one_place_alone() -> None:
    """Only an undeclared power skips a test."""
    escapes = re.compile(r"\b(skip|skipif|xfail|importorskip)\b")
    found = [
        path.name for path in sorted(CONTRACT.glob("*.py")) if escapes.search(path.read_text())
    ]
    assert found == ["topic.py"]
    assert len(escapes.findall((CONTRACT / "topic.py").read_text())) == 1


@pytest.mark.timeout(180)
@pytest.mark.parametrize("store", sorted(POWERS))
def test_declared_powers_are_tested_and_undeclared_ones_skipped(store: str, tmp_path: Path) -> None:
    """For each power one test really runs, or really is skipped with the uniform reason."""
    node, enrolment = enrolled()[store]
    wanted = {}
    for power in Power:
        name = min(name for name, test in all_tests().items() if required_by(test) == {power})
        wanted[name] = reason_to_skip(all_tests()[name], store, POWERS[store])
    report = tmp_path / "report.xml"
    nodes = [f"{node}::{name}" for name in wanted]
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", *options, *nodes], cwd=ROOT, check=True, timeout=150
    )
    outcomes = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        skipped = case.find("skipped")
        reason = None if skipped is None else skipped.get("message")
        outcomes[case.get("name", "").split("[")[0]] = reason
    assert outcomes == wanted
    assert enrolment().powers == POWERS[store]
