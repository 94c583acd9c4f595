"""The application: the one value that names all parts, found as `backstory.demo.app:users`.

events.py      what can happen          decider.py     what follows from a command
projection.py  the table that follows   users.py       what a user service can do
checks.py      what must always hold
event_sourced.py, crud.py               the two ways to do it
routes.py      HTTP in front of either  run.py         the process around it
"""

from __future__ import annotations

from typing import Final

from backstory import Application, Check
from backstory.demo.checks import has_a_name, one_row_per_user
from backstory.demo.decider import user_decider
from backstory.demo.events import schema
from backstory.demo.projection import user_projection, user_table

CATEGORY: Final = "user"

users: Final = Application(
    name="users",
    schema=schema,
    deciders={CATEGORY: user_decider},
    projections=(user_projection,),
    checks=(
        Check("one row per user", one_row_per_user(user_table)),
        Check("every user has a name", has_a_name, CATEGORY),
    ),
)
