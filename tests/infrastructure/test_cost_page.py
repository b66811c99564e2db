"""docs/cost.md and the README say what an idle region costs as the template has it: `make bench-cost`."""

from __future__ import annotations

import json
from pathlib import Path

from bench import cost
from tests.conftest import ROOT


def test_the_monthly_costs_are_those_of_the_template(assembly: Path) -> None:
    template = json.loads(next(assembly.glob("*.template.json")).read_text())
    monthly, page = cost.fixed(template), (ROOT / "docs/cost.md").read_text()
    for what, says, dollars in monthly:
        assert f"| {what} | {says} | ${dollars:.2f} |" in page
    total = sum(dollars for _, _, dollars in monthly)
    assert f"| together | | **${total:.2f}** |" in page
    assert f"An idle region costs about ${total:.2f} a month" in (ROOT / "README.md").read_text()
    lines, metrics = cost.dashboard(template)
    assert f"shows {metrics} metrics in {lines} lines" in page
    assert metrics <= 50, "else no dashboard is free"
