from __future__ import annotations

import pytest

from backstory import EventStore, InvalidSetting
from backstory.explore.verification import verification


def test_a_store_that_cannot_check_itself_is_refused(store: EventStore) -> None:
    """Silence would look like health."""
    with pytest.raises(InvalidSetting, match="cannot be verified"):
        verification(store)
