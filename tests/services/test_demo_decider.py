from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory import load_application
from backstory.demo.app import users
from backstory.demo.decider import (
    Command,
    CreateUser,
    DeleteUser,
    Event,
    NoSuchUser,
    RenameUser,
    User,
    UserExists,
    decide,
    evolve,
)
from backstory.demo.events import UserCreated, UserDeleted, UserRenamed

AT = "2023-07-14T01:47:35.070Z"
DONALD = User("donald-le", "Donald Le", AT)

commands = st.one_of(
    st.builds(CreateUser, st.just("donald-le"), st.sampled_from("AB"), st.just(AT)),
    st.builds(RenameUser, st.sampled_from("AB")),
    st.just(DeleteUser()),
)


def test_what_is_stored_is_what_the_tutorial_stores() -> None:
    """Type name and JSON, byte for byte."""
    (event,) = decide(CreateUser("donald-le", "Donald Le", AT), None)
    stored = users.schema.encode(event)
    assert stored.type == "user-created"
    assert stored.data == (
        b'{"username":"donald-le","fullName":"Donald Le","openedAt":"2023-07-14T01:47:35.070Z"}'
    )


@pytest.mark.parametrize(
    ("user", "command", "events"),
    [
        (None, CreateUser("a", "A", AT), [UserCreated("a", "A", AT)]),
        (DONALD, RenameUser("Don"), [UserRenamed("Don")]),
        (DONALD, RenameUser("Donald Le"), []),
        (DONALD, DeleteUser(), [UserDeleted()]),
    ],
)
def test_a_command_leads_to(user: User | None, command: Command, events: list[Event]) -> None:
    """Given a user, when a command comes, then these events follow."""
    assert list(decide(command, user)) == events


@pytest.mark.parametrize(
    ("user", "command", "refusal"),
    [
        (DONALD, CreateUser("donald-le", "Somebody", AT), UserExists),
        (None, RenameUser("Don"), NoSuchUser),
        (None, DeleteUser(), NoSuchUser),
    ],
)
def test_a_command_is_refused(
    user: User | None, command: Command, refusal: type[Exception]
) -> None:
    """A refused command leads to no event."""
    with pytest.raises(refusal):
        list(decide(command, user))


@given(st.lists(commands, max_size=12))
def test_whatever_is_asked_the_events_tell_the_same_story_as_the_commands(
    asked: list[Command],
) -> None:
    """A user exists exactly between its creation and its deletion, under the last name given."""
    expected: str | None = None
    events: list[Event] = []
    for command in asked:
        user = reduce(evolve, events, None)
        assert (None if user is None else user.full_name) == expected
        try:
            events += decide(command, user)
        except UserExists:
            assert expected is not None
        except NoSuchUser:
            assert expected is None
        else:
            expected = None if isinstance(command, DeleteUser) else command.full_name


def test_commands_find_the_application_by_its_name() -> None:
    """The name that the documentation gives."""
    assert load_application("backstory.demo.app:users") is users
