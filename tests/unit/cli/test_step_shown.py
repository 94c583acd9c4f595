"""What a step looks like: everything it says, in little space, and nothing that drives a screen."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from backstory.cli.step_lines import reason_of, step_fields, step_line
from backstory.cli.step_prompt import VERBS, verb_named
from backstory.cli.step_terminal import print_step
from backstory.core.errors import HandlerFailed, InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.timemachine.states import State
from backstory.timemachine.stepping.journal import Kind, RowChange
from backstory.timemachine.stepping.stepper import Step
from tests.unit.projections.members import member_table

HOSTILE = "\x1b[2J\u202e"
ID = UUID(int=7)
TABLES = {"member": member_table}
ROW = {"id": 1, "name": "ann", "full_name": "Ann", "renamed": 0}


def event(data: bytes = b'{"n": 1}') -> RecordedEvent:
    """Return an event with *data*."""
    return RecordedEvent(4, "member-ann", 2, "renamed", data, b"{}", ID.bytes, 1_000_000)


def step(**fields: object) -> Step:
    """Return a step that changed nothing, but for what *fields* say."""
    plain = Step(event(), None, None, None, (), {}, ())
    return msgspec.structs.replace(plain, **fields)


def failure(reason: str) -> HandlerFailed:
    """Return what a handler failed with."""
    return HandlerFailed(
        projection="members", place="here", handler="app.py:7 (f)", reason=reason, event_id=ID
    )


def printed(shown: Step, capsys: pytest.CaptureFixture[str], *, undone: bool = False) -> str:
    """Return what a terminal gets of *shown*, without the colours."""
    print_step(shown, TABLES, undone=undone)
    return capsys.readouterr().out


def test_a_terminal_shows_what_was_changed_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that is changed is named by its key, and shows the columns that are others."""
    changes = [
        RowChange("member", Kind.UPDATED, ROW, {**ROW, "full_name": "Ann A.", "renamed": 1}),
        RowChange("member", Kind.DELETED, ROW, None),
        RowChange("elsewhere", Kind.INSERTED, None, {"id": 2}),
    ]
    states = {"before": State({"a": 1, "b": 2}, 1), "after": State({"a": 1, "b": 3, "c": 4}, 2)}
    lines = printed(step(changes=changes, **states), capsys).splitlines()
    assert lines == [
        "→ 4  1970-01-01T00:00:01.000000Z  member-ann@2  renamed",
        '  {"n":1}',
        "  ~ state b 2 → 3",
        "  + state c 4",
        '  ~ member id=1  full_name "Ann" → "Ann A."  renamed 0 → 1',
        '  - member id=1 name="ann" full_name="Ann" renamed=0',
        "  + elsewhere id=2",
    ]
    assert printed(step(), capsys, undone=True).startswith("← 4  ")


def test_what_went_wrong_is_told_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """The handler, the fold, who set the event aside, and who stood still already."""
    shown = printed(
        step(
            fold_failure=ValueError("no"),
            failures={"members": failure("KeyError: 'x'")},
            parked={"others": "TypeError: y, in app.py:9 (g)"},
            standing=("third",),
        ),
        capsys,
    )
    assert shown.splitlines()[2:] == [
        "  ✗ the state of member-ann: ValueError: no",
        "  ✗ members: KeyError: 'x'",
        "      in app.py:7 (f)",
        "  ✗ others parked it: TypeError: y, in app.py:9 (g)",
        "  ! standing still since an earlier event: third",
    ]


def test_hostile_text_is_made_visible_wherever_it_stands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In data, states, rows and the words of errors; for a terminal and as JSON."""
    hostile = step(
        event=event(msgspec.json.encode({"n": HOSTILE})),
        before=State({"a": ""}, 1),
        after=State({"a": HOSTILE, HOSTILE: 1}, 2),
        fold_failure=ValueError(HOSTILE),
        changes=[RowChange("member", Kind.INSERTED, None, {HOSTILE: HOSTILE})],
        failures={"members": failure(HOSTILE)},
        parked={"others": HOSTILE},
    )
    shown = printed(hostile, capsys)
    assert shown.count(r"\u202e") >= 7
    for text in (shown, step_line(hostile, undone=False).decode()):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_what_is_very_long_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The next line would else be screens away."""
    change = RowChange("member", Kind.INSERTED, None, {"name": "x" * 10_000})
    long = step(event=event(b'"' + b"y" * 10_000 + b'"'), changes=[change])
    assert len(printed(long, capsys)) < 3_000
    assert "(10,002 characters; --json shows all)" in printed(long, capsys)


def test_data_that_is_no_json_is_shown_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Only a damaged store has it, and that is where one has to look."""
    damaged = step(event=event(b"\xff"))
    assert r"(no JSON) b'\xff'" in printed(damaged, capsys)
    assert b"data_base64" in step_line(damaged, undone=False)


def test_a_pipe_gets_a_line_for_each_thing_that_a_step_says() -> None:
    """The first field names what the line is about."""
    shown = step(
        fold_failure=ValueError("no"),
        changes=[RowChange("member", Kind.INSERTED, None, ROW)],
        failures={"members": failure("KeyError: 'x'")},
        parked={"others": "why"},
        standing=("third",),
    )
    kinds = [fields[0] for fields in step_fields(shown, undone=True)]
    assert kinds == ["undone", "row", "fold-failed", "failed", "parked", "standing"]


def test_the_reason_of_a_failing_fold_names_the_line() -> None:
    """Where in the user's code to look."""
    with pytest.raises(ValueError, match="2J") as failed:
        raise ValueError(HOSTILE)
    assert "test_step_shown.py:" in reason_of(failed.value)


def test_every_command_has_names_of_its_own_and_words_in_the_help() -> None:
    """A short name that two had would do what nobody meant."""
    names = [name for verb in VERBS for name in (verb.name, verb.short) if name]
    assert len(names) == len(set(names))
    assert all(verb_named(name.upper()).words for name in names)
    with pytest.raises(InvalidSetting, match="did you mean 'reverse-continue'"):
        verb_named("reverse-contnue")
