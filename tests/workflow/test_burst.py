"""Many events at once, under AWS's quotas and Slack's limit: every endpoint is asked about, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.burst import run
from tests.workflow.fixtures import Worlds

pytestmark = [pytest.mark.xdist_group("soak"), pytest.mark.usefixtures("alone")]


def test_forty_events_at_once_are_forty_questions(worlds: Worlds, assembly: Path) -> None:
    burst = run(worlds.of(assembly), 40)
    assert burst.problems == [], burst
    assert burst.throttled > 0, "the quotas were felt"
    assert burst.refused_messages > 0, "and so was Slack's limit"
