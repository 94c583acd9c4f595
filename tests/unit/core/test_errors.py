"""Every error explains itself, and keeps its facts wherever it goes."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from uuid import UUID

import pytest

from backstory.core import errors
from backstory.core.errors import BackstoryError, CommandRejected, StoreClosed, StoreFull
from backstory.core.expected import NO_STREAM, WrongExpectedRevision
from backstory.core.retaining import StreamDeleted

EVENT = UUID("01890a5d-ac96-774b-bcce-b302099a8057")

EXAMPLES: dict[str, dict[str, object]] = {
    "EventTooLarge": {"size": 20_000_000, "limit": 16_777_215, "type": "film"},
    "AppendTooLarge": {"size": 10_001, "limit": 10_000, "unit": "events"},
    "StoreVersionUnsupported": {"found": 9, "supported": 1, "place": "shop.db"},
    "WrongExpectedRevision": {"stream": "user-a", "expected": 3, "actual": 5},
    "StreamDeleted": {"stream": "user-a"},
    "PowerMissing": {"store": "OtherStore", "power": "can check all it holds"},
    "UnknownEventType": {"type": "user-gone", "known": ("user-created",)},
    "UnknownSchemaVersion": {"type": "user-created", "version": 3, "known": 2},
    "UndecodableEvent": {"type": "user-created", "place": "here", "reason": "no name"},
    "TooManyConflicts": {"stream": "user-a", "attempts": 5},
    "HandlerFailed": {
        "projection": "users",
        "place": "here",
        "handler": "users.py:7",
        "reason": "ValueError: no",
        "event_id": EVENT,
    },
    "ReactionFailed": {
        "reactor": "mail",
        "place": "here",
        "handler": "mail.py:7",
        "reason": "ValueError: no",
        "event_id": EVENT,
        "attempts": 3,
    },
    "CheckNeverFails": {"good": 1, "bad": 9, "fails": False},
    "FenceCrossed": {"what": "socket.connect", "place": "shop.py:7 paid"},
    "LeaseLost": {"projection": "users", "partition": 2, "token": 7},
    "CheckpointAhead": {"position": 9, "head": 3},
    "PartitionsChanged": {"projection": "users", "there": 1, "wanted": 4},
    "ReadModelVersionUnsupported": {"found": 9, "supported": 2},
    "CaughtUpTimeout": {"wanted": 9, "reached": 3, "seconds": 1.5},
}


def subclasses(cls: type[BackstoryError]) -> list[type[BackstoryError]]:
    """Return every error class of Backstory's core below *cls*."""
    found = [c for c in cls.__subclasses__() if c.__module__.startswith("backstory.core")]
    return found + [deeper for c in found for deeper in subclasses(c)]


def example(cls: type[BackstoryError]) -> BackstoryError:
    """Return an instance, made with the facts the class asks for."""
    return cls(**EXAMPLES.get(cls.__name__, {}))  # type: ignore[arg-type]  # facts by name


ALL = subclasses(BackstoryError)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_an_error_is_drawn_in_the_tree_of_the_module(cls: type[BackstoryError]) -> None:
    """The tree in the docstring names every class, below its parent."""
    tree = inspect.getdoc(errors) or ""
    lines = [line for line in tree.splitlines() if re.search(r"[├└]── ", line)]
    at = {line.split("── ")[1].strip(): line.index("─") for line in lines}
    names = list(at)
    depth = at[cls.__name__]
    above = names[: names.index(cls.__name__)]
    parents = [name for name in above if at[name] < depth]
    assert (parents or ["BackstoryError"])[-1] in {b.__name__ for b in cls.__bases__}


def test_the_tree_draws_no_error_that_is_not_there() -> None:
    """A class that was removed is removed from the drawing too."""
    drawn = set(re.findall(r"── (\w+)", inspect.getdoc(errors) or ""))
    assert drawn == {cls.__name__ for cls in (*ALL, StreamDeleted, WrongExpectedRevision)}


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_an_error_survives_pickling_with_its_message_and_facts(cls: type[BackstoryError]) -> None:
    """Errors cross process boundaries; one that cannot be restored hangs process pools."""
    error = example(cls)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own bytes
        assert (type(back), str(back), vars(back)) == (cls, str(error), vars(error))
    assert str(copy.copy(error)) == str(error)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_an_error_keeps_every_fact_it_was_given(cls: type[BackstoryError]) -> None:
    """Callers decide by attributes, never by matching text."""
    facts = EXAMPLES.get(cls.__name__, {})
    assert vars(example(cls)) == facts


def test_an_error_without_a_message_says_the_first_paragraph_of_its_docstring() -> None:
    """The default message and the documentation are one text."""
    assert str(StoreClosed()) == "The store is closed; open it again with `open_store(url)`."
    assert str(errors.OutcomeUnknown()) == (
        "Nobody knows whether the append is stored; append the same events (same ids) once more."
    )


def test_an_error_of_the_users_own_without_docstring_says_its_name() -> None:
    """An inherited docstring would say something too general."""

    class UserExists(CommandRejected):
        pass

    assert str(UserExists()) == "UserExists"


def test_a_message_given_replaces_the_docstring() -> None:
    """A caller who knows more says more."""
    assert str(StoreFull("no space on /data")) == "no space on /data"


def test_a_wrong_revision_says_what_was_expected_and_found() -> None:
    """The message shows both sides, in the words of the API."""
    missing = WrongExpectedRevision(stream="user-a", expected=3, actual=None)
    there = WrongExpectedRevision(stream="user-a", expected=NO_STREAM, actual=0)
    assert "expected revision 3, but the stream does not exist" in str(missing)
    assert "expected NO_STREAM, but its last revision is 0" in str(there)


def test_an_unknown_type_lists_the_known_ones() -> None:
    """An empty schema says so instead of listing nothing."""
    assert "it knows: a, b" in str(errors.UnknownEventType("c", ("a", "b")))
    assert "it knows: none" in str(errors.UnknownEventType("c", ()))
