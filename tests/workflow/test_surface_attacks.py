"""Attacks on what faces the internet, as anyone there could make them."""

from __future__ import annotations

from collections import Counter

import pytest
import requests

from local.people import Loop
from tests.workflow.fixtures import Ops

pytestmark = pytest.mark.xdist_group("approvals")

_FLOOD = 400


def test_a_flood_of_forged_clicks_leaves_room_for_decisions_on_the_command_line(
    loop: Loop, operate: Ops
) -> None:
    execution = loop.make_endpoint()
    loop.world.settle()
    url = f"{loop.world.apis[loop.world.region].url}/slack/interactions"
    with requests.Session() as internet:
        answers = Counter(
            internet.post(url, data="payload={}", timeout=10).status_code for _ in range(_FLOOD)
        )
    assert answers.keys() == {401, 429}, "none is accepted, and the function is spared the rest"
    assert operate("deny", execution.name, "--reason", "it moves next week") == 0
    assert loop.outcome(execution) == "DENIED"
