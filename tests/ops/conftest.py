"""The handlers' workbench, for commands that are run against it, and open questions on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.domain.record import Remediation
from ops import deployment
from ops.deployment import Deployment
from tests.handlers.conftest import KEY_ARN, TABLE, Bench, bench
from tests.unit import samples

__all__ = ["bench"]

Keep = Callable[..., Remediation]


@pytest.fixture
def keep(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Put a remediation and its question on record, as asked at the bench's time."""
    monkeypatch.setattr(deployment, "_settings", dict)
    outputs = {
        "RecordsTableName": TABLE,
        "KmsKeyArn": KEY_ARN,
        "DecisionsUrl": "https://api.example.com/decisions",
    }
    monkeypatch.setattr(Deployment, "outputs", outputs)

    def keep(
        number: int, endpoint: str, *, approval: dict[str, Any] | None = None, **facts: Any
    ) -> Remediation:
        record = samples.remediation(
            remediationId=f"r-{number}", endpointName=endpoint, approvalId=f"a-{number}",
            startedAt=f"2026-11-2{number}T09:00:00Z", **facts,
        )  # fmt: skip
        bench.records.start(record)
        asked = samples.approval(approvalId=f"a-{number}", remediationId=f"r-{number}", **(approval or {}))
        put(bench, f"approval#a-{number}", "approval", asked)
        return record

    return keep


def put(bench: Bench, pk: str, sk: str, item: Any) -> None:
    """Put an item on record that only a step of the workflow would."""
    bench.records._table.put({"pk": pk, "sk": sk}, item)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
