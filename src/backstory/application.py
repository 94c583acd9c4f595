"""The application: the one value that ties a user's code together.

It names the events, deciders, projections, reactors and checks, and is all that the command line,
the workers and the time machine need to find. A plain value: nothing is registered by importing.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, Never, Protocol, TypeVar

import msgspec

from backstory.core.errors import InvalidInput, InvalidName, InvalidSetting
from backstory.core.names import category_of, check_stream_name
from backstory.core.schema import Schema

if TYPE_CHECKING:
    from backstory.projections.projection import Projection
    from backstory.projections.reactor import Reactor

Subject_contra = TypeVar("Subject_contra", contravariant=True)


class Check(msgspec.Struct, Generic[Subject_contra], frozen=True):
    """A named condition that must hold at every moment.

    Without a `category` it is about the read models: `test` is given a SQLAlchemy `Connection` to
    them. With one it is about each thing of that category, and `test` is given its state. `test`
    answers whether the condition holds; an `AssertionError` says that it does not, and why. Any
    other error means that it cannot be told.
    """

    name: str
    test: Callable[[Subject_contra], bool]
    category: str | None = None


class AnyDecider(Protocol):
    """A `Decider` of whatever commands, events and states."""

    @property
    def initial(self) -> object:
        """Return the state before the first event."""
        ...

    @property
    def decide(self) -> Callable[..., Iterable[object]]:
        """Return the function that answers commands with events."""
        ...

    @property
    def evolve(self) -> Callable[..., object]:
        """Return the function that folds events."""
        ...


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A user's events, deciders (by the category of their streams), projections, reactors, checks.

    Raises `InvalidInput` when two checks share a name, or two of the projections and reactors
    (their checkpoints are kept by name), when one of these follows an event type that the schema
    does not hold, or when a check is about a category without a decider; `InvalidName` when a
    decider's category is none.
    """

    name: str
    schema: Schema
    deciders: Mapping[str, AnyDecider] = MappingProxyType({})
    projections: tuple[Projection, ...] = ()
    reactors: tuple[Reactor, ...] = ()
    checks: tuple[Check[Never], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be told apart or never run."""
        if not self.name.strip():
            message = "an application needs a name"
            raise InvalidInput(message)
        for category in self.deciders:
            if category_of(check_stream_name(category)) != category:
                message = f"a category ends at the first '-', so {category!r} cannot be one"
                raise InvalidName(message)
        _check_names("projections or reactors", [follower.name for follower in self.followers])
        _check_names("checks", [check.name for check in self.checks])
        for check in self.checks:
            if check.category is not None and check.category not in self.deciders:
                message = (
                    f"check {check.name!r} is about the states of {check.category!r}, which no "
                    "decider folds; add the decider, or correct the category"
                )
                raise InvalidInput(message)
        for follower in self.followers:
            self._check_types(follower.name, follower.handlers)

    @property
    def followers(self) -> tuple[Projection | Reactor, ...]:
        """Return what follows events: projections, then reactors."""
        return *self.projections, *self.reactors

    def _check_types(self, name: str, types: Iterable[type]) -> None:
        known = {event_type.python for event_type in self.schema.types}
        unknown = sorted(python.__name__ for python in types if python not in known)
        if unknown:
            message = (
                f"{name!r} follows {', '.join(unknown)}, which the schema does not hold; "
                "add an EventType for each"
            )
            raise InvalidInput(message)


def load_application(target: str) -> Application:
    """Return the application that *target* names, written `package.module:name`.

    Imports the module, which must be importable from where Python runs. Raises `InvalidSetting`
    when the text has another form, the module or the name is missing, or no `Application` stands
    there. What the module itself raises passes through.
    """
    module_name, _, name = target.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), name)):
        message = f"an application is named as package.module:name, not {target!r}"
        raise InvalidSetting(message)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, what it imports is not
        message = (
            f"there is no module {error.name!r} to find {target!r} in; is its folder on the path?"
        )
        raise InvalidSetting(message) from error
    try:
        found: object = getattr(module, name)
    except AttributeError:
        message = f"module {module_name!r} has no {name!r}; which name holds the Application?"
        raise InvalidSetting(message) from None
    if not isinstance(found, Application):
        message = f"{target!r} is a {type(found).__name__}, not an Application"
        raise InvalidSetting(message)
    return found


def _check_names(what: str, names: list[str]) -> None:
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        message = f"two {what} are called {', '.join(map(repr, twice))}; a name tells them apart"
        raise InvalidInput(message)
