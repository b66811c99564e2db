"""A few days of everything at random, from a fixed seed; `make soak` runs others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflow.fixtures import Worlds
from tests.workflow.soak import report, soaked

# like the fault matrix, on a worker of its own
pytestmark = [pytest.mark.xdist_group("soak"), pytest.mark.usefixtures("alone")]

_SEED = 2026  # one in which an update is rolled back, which leaves a twin to be deleted


def test_all_is_well_when_all_is_at_rest(worlds: Worlds, routed_assembly: Path) -> None:
    worlds.stop()  # one world at a time in a process: this one counts everything that is in it
    result = soaked(routed_assembly, _SEED, deeds=30)
    assert result.problems == [], report(result)
    assert result.endpoints >= 200
    # without these, much of what is checked at the end can't go wrong
    assert {"ENCRYPTED", "ROLLED_BACK", "BACKED_OUT"} <= {*result.outcomes}
