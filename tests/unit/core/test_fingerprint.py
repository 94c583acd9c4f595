"""The fingerprint of code: it changes when a result could change, and not from run to run."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from backstory.core.fingerprint import fingerprint

SOURCE = """
from __future__ import annotations
import enum, functools, re
from dataclasses import dataclass, field
from decimal import Decimal
import msgspec, pydantic
from elsewhere_fp import outside

RATE = 3
WORDS = frozenset({"alpha", "beta", "gamma", "delta", "epsilon"})
PATTERN = re.compile("[a-z]+", re.I)
TABLE = {"one": lambda: 1, "two": [2, (2.5, None, ...)]}
FEE = Decimal("1.5")

class Kind(enum.Enum):
    SMALL = "small"
    LARGE = "large"

class Money(msgspec.Struct, frozen=True):
    amount: int = 0
    tags: list[str] = msgspec.field(default_factory=lambda: ["t"])
    def plus(self, amount: int) -> Money:
        return Money(self.amount + amount)

class Model(pydantic.BaseModel):
    size: int = 7

@dataclass(frozen=True)
class Cart:
    total: Money = Money()
    lines: tuple[Line, ...] = ()
    kind: Kind = Kind.SMALL
    model: Model | None = None
    extras: list[int] = field(default_factory=lambda: [10])
    limit = 100
    @property
    def large(self) -> bool:
        return self.total.amount > 50
    @staticmethod
    def start() -> int:
        return 4
    @classmethod
    def made(cls) -> Cart:
        return cls()
    @functools.cached_property
    def size(self) -> int:
        return 11

class Line:
    __slots__ = ("price", "unset")
    def __init__(self, price):
        self.price = price * 12

class Plain:
    pass

HELD = Line(1)
OPEN = Plain()
OPEN.depth = 13

def rounded(value, digits=2, *, mode="up"):
    return helper(value) + digits

def helper(value):
    return value + RATE if value else rounded(value)

def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args) + 14
    return wrapper

@traced
def wrapped(value):
    return value + 15

@functools.lru_cache
def cached(value):
    return value + 16

@functools.singledispatch
def dispatched(value):
    return 17

@dispatched.register
def _for_int(value: int):
    return 18

part = functools.partial(helper, 19)
bound = Money(20).plus

def maker(step):
    def inner(value):
        return value + step
    def unfilled():
        return later
    if step < 0:
        later = 1
    return inner, unfilled

closed, unfilled = maker(21)

def evolve(state, event):
    def nested(x):
        return [x for _ in range(22)]
    # a comment
    return (rounded(1), WORDS, PATTERN, TABLE, FEE, HELD, OPEN, wrapped, cached, dispatched, part,
            bound, closed, unfilled, nested, other.deeper, outside(), str, event)
"""

OTHER = """
def deeper():
    return 31
def unrelated():
    return 32
"""


def fingerprint_of(monkeypatch: pytest.MonkeyPatch, source: str, other: str = OTHER) -> str:
    """Return the fingerprint of the evolve in *source*, run as a module of a package of its own."""
    outside = types.ModuleType("elsewhere_fp")
    exec("def outside():\n    return 41", vars(outside))  # noqa: S102 - the code under test
    neighbour = types.ModuleType("shop_fp.other")
    exec(other, vars(neighbour))  # noqa: S102 - the code under test
    module = types.ModuleType("shop_fp.cart")
    vars(module)["other"] = neighbour
    for each in (outside, neighbour, module):
        monkeypatch.setitem(sys.modules, each.__name__, each)
    exec(compile(source, "cart.py", "exec"), vars(module))  # noqa: S102 - the code under test
    return fingerprint(module.evolve, module.Cart(), module.Cart | None, ("name", 1, list[int]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 3", "RATE = 4"),
        ('"epsilon"', '"zeta"'),
        ("[a-z]+", "[a-y]+"),
        ("re.I", "re.S"),
        ("lambda: 1", "lambda: 2"),
        ("2.5", "2.6"),
        ('"1.5"', '"1.6"'),
        ("amount: int = 0", "amount: int = 1"),
        ("amount: int = 0", "amount: float = 0"),
        ('["t"]', '["u"]'),
        ("self.amount + amount", "self.amount - amount"),
        ("size: int = 7", "size: int = 8"),
        ("kind: Kind = Kind.SMALL", "kind: Kind = Kind.LARGE"),
        ('SMALL = "small"', 'SMALL = "tiny"'),
        ("lambda: [10]", "lambda: [9]"),
        ("limit = 100", "limit = 101"),
        ("> 50", "> 51"),
        ("return 4", "return 5"),
        ("return cls()", "return cls(Money(1))"),
        ("return 11", "return 12"),
        ("price * 12", "price * 13"),
        ("Line(1)", "Line(2)"),
        ("depth = 13", "depth = 14"),
        ("digits=2", "digits=3"),
        ('mode="up"', 'mode="down"'),
        ("value + RATE", "value - RATE"),
        ("+ 14", "+ 13"),
        ("value + 15", "value + 14"),
        ("value + 16", "value + 17"),
        ("return 17", "return 16"),
        ("return 18", "return 19"),
        ("helper, 19", "helper, 20"),
        ("Money(20)", "Money(21)"),
        ("maker(21)", "maker(22)"),
        ("return value + step", "return value - step"),
        ("range(22)", "range(23)"),
        ("outside(), str", "outside(), repr"),
    ],
)
def test_a_change_that_could_change_the_result_changes_the_fingerprint(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    """Wherever it is reached: functions, methods, constants, defaults, closures, wrappers."""
    changed = SOURCE.replace(old, new, 1)
    assert changed != SOURCE
    assert fingerprint_of(monkeypatch, changed) != fingerprint_of(monkeypatch, SOURCE)


def test_a_neighbouring_module_counts_as_far_as_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """`other.deeper` is code of the fold, `other.unrelated` is not."""
    base = fingerprint_of(monkeypatch, SOURCE)
    assert fingerprint_of(monkeypatch, SOURCE, OTHER.replace("31", "33")) != base
    assert fingerprint_of(monkeypatch, SOURCE, OTHER.replace("32", "33")) == base


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # a comment\n", "    # another\n\n\n"),
        ("RATE = 3", "UNUSED = 1\n\nRATE = 3"),
        ("class Plain:", "def unused():\n    return 1\n\nclass Plain:"),
        ("    return value + 15", '    """Explain."""\n    return value + 15'),
        ("def evolve(state, event):", 'def evolve(state, event):\n    """Explain."""'),
        ("    def nested(x):", '    def nested(x):\n        """Explain."""'),
    ],
)
def test_comments_docstrings_blank_lines_and_unused_code_change_nothing(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    """A snapshot survives an edit that cannot matter."""
    changed = SOURCE.replace(old, new, 1)
    assert changed != SOURCE
    assert fingerprint_of(monkeypatch, changed) == fingerprint_of(monkeypatch, SOURCE)


def test_a_stand_in_counts_in_place_of_what_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Things of other packages, of which the walk sees the class alone, get a meaning so."""
    compiled = {"a": re.compile("a"), "b": re.compile("b")}
    module = types.ModuleType("shop_fp.query")
    exec("def find(): return QUERY", vars(module))  # noqa: S102 - the code under test
    monkeypatch.setitem(sys.modules, module.__name__, module)
    find = vars(module)["find"]

    def found(pattern: re.Pattern[str], meaning: object) -> str:
        vars(module)["QUERY"] = pattern
        return fingerprint(
            find, stand_in=lambda value: meaning if isinstance(value, re.Pattern) else None
        )

    assert found(compiled["a"], ("one", [1])) == found(compiled["b"], ("one", [1]))
    assert found(compiled["a"], ("one", [1])) != found(compiled["a"], ("one", [2]))
    assert found(compiled["a"], None) != found(compiled["b"], None)


def test_code_of_packages_named_beside_the_values_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise it would enter by its name alone."""

    def reached(number: int, *within: str) -> str:
        outside = types.ModuleType("elsewhere_fp")
        exec(f"def outside(): return {number}", vars(outside))  # noqa: S102 - the code under test
        module = types.ModuleType("shop_fp.cart")
        exec("def evolve(): return outside()", vars(module))  # noqa: S102 - the code under test
        vars(module)["outside"] = outside.outside
        for each in (outside, module):
            monkeypatch.setitem(sys.modules, each.__name__, each)
        return fingerprint(module.evolve, within=[getattr(outside, name) for name in within])

    assert reached(1) == reached(2)
    assert reached(1, "outside") != reached(2, "outside")


def test_plain_values_of_different_types_differ() -> None:
    """1, 1.0, True and "1" lead to different folds."""
    values: list[object] = [1, 1.0, True, "1", b"1", None, (1,), [1], {1: 1}, {1}, ((1,),)]
    assert len({fingerprint(value) for value in values}) == len(values)


def test_lone_surrogates_do_not_stop_the_walk() -> None:
    """Any text may be a constant."""
    assert fingerprint("\ud800") != fingerprint("\ud801")


@pytest.mark.timeout(120)
def test_the_fingerprint_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Addresses and hash seeds differ from run to run; the fingerprint must not."""
    package = tmp_path / "shop_fp"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "other.py").write_text(OTHER)
    (package / "cart.py").write_text(
        SOURCE.replace("import enum", "from shop_fp import other\nimport enum", 1)
    )
    (tmp_path / "elsewhere_fp.py").write_text("def outside():\n    return 41\n")
    program = (
        "from shop_fp.cart import evolve, Cart\n"
        "from backstory.core.fingerprint import fingerprint\n"
        "print(fingerprint(evolve, Cart(), Cart, ('a', 1, Cart)))"
    )
    source = Path(sys.modules["backstory"].__file__ or "").parent.parent
    found = {
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{tmp_path}:{source}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "2", "4242", "random", "random")
    }
    assert len(found) == 1
    assert len(found.pop()) == 64
