"""The program: its commands, and how every one of them ends."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from backstory.cli.append import append
from backstory.cli.as_of import as_of
from backstory.cli.bisect import bisect
from backstory.cli.blame import blame
from backstory.cli.capture import capture
from backstory.cli.check import check
from backstory.cli.demo import demo
from backstory.cli.diff import diff
from backstory.cli.event import event
from backstory.cli.events import events
from backstory.cli.exits import MEANINGS, ExitCode, exit_code_of
from backstory.cli.parked_list import parked_list
from backstory.cli.parked_purge import parked_purge
from backstory.cli.parked_retry import parked_retry
from backstory.cli.parked_show import parked_show
from backstory.cli.read import read
from backstory.cli.rebuild import rebuild
from backstory.cli.reproduce import reproduce
from backstory.cli.schema import schema
from backstory.cli.screen import forget_output, say
from backstory.cli.search import search
from backstory.cli.serve import serve
from backstory.cli.snapshot import snapshot
from backstory.cli.state import state
from backstory.cli.stats import stats
from backstory.cli.step import step
from backstory.cli.streams import streams
from backstory.cli.tour import tour
from backstory.cli.trace import trace
from backstory.cli.types import types
from backstory.cli.users_add import users_add
from backstory.cli.users_list import users_list
from backstory.cli.users_remove import users_remove
from backstory.cli.variables import name_variables, refuse_unknown
from backstory.cli.verify import verify
from backstory.cli.watch import watch
from backstory.cli.work import work
from backstory.core.errors import BackstoryError

_EPILOG: Final = "[bold]Exit codes[/bold]\n\n" + "\n\n".join(
    f"[bold]{code}[/bold]  {meaning}" for code, meaning in MEANINGS.items()
)
_HELP: Final = """Event sourcing that takes you back to the moment a bug happened.

Data goes to stdout, words to stderr. Every option has an environment variable, shown by the help of
its command; one that belongs to no option is refused.
"""


_COMMANDS: Final[tuple[Callable[..., None], ...]] = (
    demo,
    serve,
    append,
    read,
    watch,
    streams,
    events,
    event,
    search,
    trace,
    types,
    stats,
    verify,
    schema,
    work,
    rebuild,
    state,
    as_of,
    snapshot,
    capture,
    reproduce,
    check,
    bisect,
    step,
    diff,
    blame,
    tour,
)


class GlobalOptions:
    """What the options before the command say."""

    debug = False


def _options(
    context: typer.Context,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error arose.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_tell_version, is_eager=True
        ),
    ] = False,
) -> None:
    if isinstance(context.obj, GlobalOptions):
        context.obj.debug = debug


def program() -> TyperGroup:
    """Return the program with all its commands, each option with its variable."""
    app = typer.Typer(
        add_completion=False,
        context_settings={"help_option_names": ["--help", "-h"]},
        epilog=_EPILOG,
        help=_joined(_HELP),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_options)
    for command in _COMMANDS:
        name = command.__name__.replace("_", "-")
        app.command(name, help=_joined(command.__doc__ or ""))(command)
    app.add_typer(_parked(), name="parked")
    app.add_typer(_users(), name="users")
    group = get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101 - there are several commands
    name_variables(group)
    return group


def _parked() -> typer.Typer:
    parked = typer.Typer(
        help="Events that projections and reactors set aside.", no_args_is_help=True
    )
    for name, command in (
        ("list", parked_list),
        ("show", parked_show),
        ("retry", parked_retry),
        ("purge", parked_purge),
    ):
        parked.command(name, help=_joined(command.__doc__ or ""))(command)
    return parked


def _users() -> typer.Typer:
    users = typer.Typer(help="The users of `backstory serve`, in a file.", no_args_is_help=True)
    for name, command in (("add", users_add), ("list", users_list), ("remove", users_remove)):
        users.command(name, help=_joined(command.__doc__ or ""))(command)
    return users


def _joined(docstring: str) -> str:
    """Return *docstring* with each paragraph on a line of its own; the terminal breaks it."""
    return "\n\n".join(" ".join(part.split()) for part in docstring.split("\n\n"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* (those of the process) ask for; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = GlobalOptions()
    group = program()
    try:
        if {"--help", "-h", "--version"}.isdisjoint(given):
            refuse_unknown(name_variables(group), os.environ)
        group.main(given, prog_name="backstory", obj=options)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except BackstoryError as error:
        if options.debug:
            traceback.print_exc()
        say(f"error: {error}", style="bold red")
        return exit_code_of(error)
    except OSError as error:
        # Stores translate their own; what is left is a stdout that cannot be written.
        forget_output()
        say(f"error: the output cannot be written: {error.strerror}", style="bold red")
        return ExitCode.FOUND
    return ExitCode.DONE


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the option's value
    if wanted:
        from backstory import __version__
        from backstory.cli.screen import write_row

        write_row(f"backstory {__version__}")
        raise typer.Exit
