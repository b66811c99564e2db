"""Choices that come in pages are read to their end."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.gateways.aws import pages


@given(sizes=st.lists(st.integers(0, 3), min_size=1, max_size=5), ends=st.sampled_from(({}, {"Next": ""})))
def test_all_pages_in_their_order_each_once(sizes: list[int], ends: dict[str, str]) -> None:
    asked: list[dict[str, Any]] = []

    def call(**request: Any) -> dict[str, Any]:
        asked.append(request)
        number = int(request.get("Start", "0"))
        more = {"Next": str(number + 1)} if number + 1 < len(sizes) else ends
        return {"Items": [number] * sizes[number], **more}

    found = [item for page in pages(call, {"Name": "x"}, "Start", "Next") for item in page["Items"]]
    assert found == [number for number, size in enumerate(sizes) for _ in range(size)]
    assert asked == [{"Name": "x"}] + [{"Name": "x", "Start": str(n)} for n in range(1, len(sizes))]


def test_one_name_for_both() -> None:
    answers = iter([{"Token": "a"}, {}])
    asked: list[dict[str, Any]] = []

    def call(**request: Any) -> dict[str, Any]:
        asked.append(request)
        return next(answers)

    assert list(pages(call, {}, "Token")) == [{"Token": "a"}, {}]
    assert asked == [{}, {"Token": "a"}]
