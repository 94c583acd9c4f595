"""`backstory verify`: proof that a store is as it was promised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from backstory.cli.parameters import Json, Url

if TYPE_CHECKING:
    from backstory.cli.progress import Bar
    from backstory.core.store import EventStore, Fault


def verify(url: Url, *, json: Json = False) -> None:
    """Check every event, every index and the file itself; exit code 1 when a fault is found.

    Reads only, and may run while others append. One line for each fault: its kind, where it is, and
    what is wrong.
    """
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run

    async def work(_: Stop) -> int:
        from backstory.cli.exits import ExitCode
        from backstory.cli.progress import progress
        from backstory.cli.screen import counted, say, write_bytes
        from backstory.cli.verify_shown import summary

        async with opened_to_read(url) as store:
            head = await store.head()
            with progress("verifying", total=head) as bar:
                checked_to, faults = await _check(store, bar, json=json)
        if json:
            write_bytes([summary(checked_to, faults)])
        else:
            found = counted(faults, "fault") if faults else "no faults"
            style = "bold red" if faults else "green"
            say(f"{found}, checked up to position {checked_to:,}", style=style)
        return ExitCode.FOUND if faults else ExitCode.DONE

    raise typer.Exit(run(work))


async def _check(store: EventStore, bar: Bar, *, json: bool) -> tuple[int, int]:
    """Show every fault; return the position checked up to and how many faults there were."""
    from backstory.explore.verification import verification

    checked_to = faults = 0
    async for finding in verification(store):
        if isinstance(finding, int):
            checked_to = finding
            bar.reach(finding)
            continue
        faults += 1
        with bar.aside():
            _show(finding, json=json)
    return checked_to, faults


def _show(fault: Fault, *, json: bool) -> None:
    from backstory.cli.screen import write_bytes, write_row
    from backstory.cli.verify_shown import as_json

    if json:
        write_bytes([as_json(fault)])
    else:
        write_row(fault.kind, fault.place, fault.message)
