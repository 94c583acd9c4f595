"""The page about metrics says what is measured."""

from __future__ import annotations

import re

from backstory.telemetry.catalogue import METRICS, SERVER_METRICS
from tests.docs.snippets import ROOT


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    """Whoever writes an alarm copies names from there."""
    page = (ROOT / "docs/how-to/observe-in-production.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(backstory_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert rows == [
        (
            metric.name,
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels) or "-",
            metric.meaning,
        )
        for metric in (*METRICS, *SERVER_METRICS)
    ]
