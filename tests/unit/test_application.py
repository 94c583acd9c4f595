"""The application: one plain value, checked when it is made, found by its name."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from backstory.application import Application, Check, load_application
from backstory.core.errors import InvalidInput, InvalidName, InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.projections.projection import Projection
from backstory.projections.reactor import Reactor
from tests.unit.domain.accounts import ACCOUNT, SCHEMA, Account, Deposited, Opened

TABLE = Table("balances", MetaData(), Column("id", Integer, primary_key=True))


class Unknown:
    """An event type that no schema holds."""


async def react(event: object, recorded: RecordedEvent, key: UUID) -> None:
    """Do nothing outside."""


def is_solvent(state: Account) -> bool:
    """Tell whether the account holds something."""
    return state.balance >= 0


def projection(name: str, *types: type) -> Projection:
    """Return a projection that follows *types* and writes nothing."""
    made = Projection(name, tables=[TABLE])
    for python in types:
        made.on(python)(lambda _, __: [])
    return made


def test_an_application_names_all_that_belongs_to_it() -> None:
    """A plain value: what was given is what is there."""
    balances = projection("balances", Opened, Deposited)
    mail = Reactor("mail", {Opened: react})
    solvent = Check("solvent", is_solvent)
    app = Application(
        name="bank",
        schema=SCHEMA,
        deciders={"account": ACCOUNT},
        projections=(balances,),
        reactors=(mail,),
        checks=(solvent,),
    )
    assert app.deciders["account"] is ACCOUNT
    assert (app.projections, app.reactors, app.checks) == ((balances,), (mail,), (solvent,))
    assert app.checks[0].test is is_solvent


def test_an_application_needs_a_name_and_a_schema_alone() -> None:
    """The rest may come later."""
    app = Application(name="bank", schema=SCHEMA)
    assert (dict(app.deciders), app.projections, app.reactors, app.checks) == ({}, (), (), ())
    with pytest.raises(InvalidInput, match="needs a name"):
        Application(name=" ", schema=SCHEMA)


def test_an_application_cannot_be_changed() -> None:
    """Workers and tools that share it see the same."""
    app = Application(name="bank", schema=SCHEMA)
    with pytest.raises(AttributeError):
        app.name = "shop"  # type: ignore[misc]  # the point of the test


def test_a_decider_stands_under_a_category() -> None:
    """A longer name would never match a stream."""
    with pytest.raises(InvalidName, match="ends at the first '-'"):
        Application(name="bank", schema=SCHEMA, deciders={"bank-account": ACCOUNT})


def test_names_are_told_apart() -> None:
    """Checkpoints and commands find things by their names."""
    with pytest.raises(InvalidInput, match="two projections or reactors are called 'a'"):
        Application(name="bank", schema=SCHEMA, projections=(projection("a"), projection("a")))
    with pytest.raises(InvalidInput, match="two projections or reactors are called 'a', 'b'"):
        Application(
            name="bank", schema=SCHEMA, reactors=tuple(Reactor(name, {}) for name in "abcab")
        )
    with pytest.raises(InvalidInput, match="two checks are called 'a'"):
        Application(
            name="bank", schema=SCHEMA, checks=(Check("a", is_solvent), Check("a", is_solvent))
        )


def test_what_follows_events_follows_events_of_the_schema() -> None:
    """A handler for a forgotten type would silently never run."""
    with pytest.raises(InvalidInput, match="'balances' follows Unknown, which the schema"):
        Application(
            name="bank", schema=SCHEMA, projections=(projection("balances", Opened, Unknown),)
        )
    with pytest.raises(InvalidInput, match="'mail' follows Unknown"):
        Application(
            name="bank",
            schema=SCHEMA,
            reactors=(Reactor("mail", {Unknown: react}),),
        )


@pytest.fixture
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "loaded_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "app.py").write_text(
        "from backstory.application import Application\n"
        "from backstory.core.schema import Schema\n"
        "app = Application(name='shop', schema=Schema())\n"
        "number = 7\n"
    )
    (package / "broken.py").write_text("import loaded_nowhere\n")
    (package / "failing.py").write_text("raise RuntimeError('at import')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in list(sys.modules):
        if name.startswith("loaded_shop"):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("_shop")
def test_an_application_is_found_by_module_and_name() -> None:
    """The form that servers and test runners use."""
    assert load_application("loaded_shop.app:app").name == "shop"


@pytest.mark.usefixtures("_shop")
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("loaded_shop.app", "named as package.module:name"),
        ("loaded_shop.app:", "named as package.module:name"),
        (":app", "named as package.module:name"),
        ("", "named as package.module:name"),
        ("loaded_shop.app:a.b", "named as package.module:name"),
        ("loaded_shop/app.py:app", "named as package.module:name"),
        (".app:app", "named as package.module:name"),
        ("..app:app", "named as package.module:name"),
        ("loaded_nowhere:app", "no module 'loaded_nowhere'"),
        ("loaded_shop.nowhere:app", "no module 'loaded_shop.nowhere'"),
        ("loaded_shop.app:shop", "has no 'shop'"),
        ("loaded_shop.app:number", "is a int, not an Application"),
    ],
)
def test_a_target_that_names_no_application_is_refused(target: str, message: str) -> None:
    """The message says which part of it is wrong."""
    with pytest.raises(InvalidSetting, match=message):
        load_application(target)


@pytest.mark.usefixtures("_shop")
def test_what_goes_wrong_inside_the_module_is_shown_as_it_is() -> None:
    """A missing import of the user's is not a missing application."""
    with pytest.raises(ModuleNotFoundError, match="loaded_nowhere"):
        load_application("loaded_shop.broken:app")
    with pytest.raises(RuntimeError, match="at import"):
        load_application("loaded_shop.failing:app")
