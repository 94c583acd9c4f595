"""The application, found as `backstory.demo.as_in_the_tutorial.app:users`."""

from __future__ import annotations

from typing import Final

from backstory import Application, Check
from backstory.demo.app import CATEGORY
from backstory.demo.as_in_the_tutorial.projection import user_projection, user_table
from backstory.demo.checks import one_row_per_user
from backstory.demo.decider import user_decider
from backstory.demo.events import schema

users: Final = Application(
    name="users-as-in-the-tutorial",
    schema=schema,
    deciders={CATEGORY: user_decider},
    projections=(user_projection,),
    checks=(Check("one row per user", one_row_per_user(user_table)),),
)
