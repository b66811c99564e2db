"""API Gateway's stand-in: what it refuses before a function runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.aws.http_api import HttpApi, Route
from local.clock import Clock

_BURST, _PER_SECOND = 40, 0.001  # so that the real clock refills nothing during a test


@pytest.fixture
def clock() -> Clock:
    return Clock(speed=0)


@pytest.fixture
def api(clock: Clock) -> Iterator[HttpApi]:
    def answer(function: str, event: dict[str, Any]) -> dict[str, Any]:
        del event
        return {"statusCode": 200, "body": function}

    routes = {
        f"POST /{name}": Route(name, iam=False, per_second=_PER_SECOND, burst=_BURST) for name in ("a", "b")
    }
    api = HttpApi(routes, answer, {}, clock.now)
    yield api
    api.stop()


def test_a_flooded_route_refuses_and_the_others_do_not(api: HttpApi, clock: Clock) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html"""
    flood = Counter(requests.post(f"{api.url}/a", timeout=5).status_code for _ in range(_BURST + 10))
    assert flood == {200: _BURST, 429: 10}
    assert requests.post(f"{api.url}/b", timeout=5).text == "b"
    clock.advance(2 / _PER_SECOND)
    refilled = [requests.post(f"{api.url}/a", timeout=5).status_code for _ in range(3)]
    assert refilled == [200, 200, 429]
