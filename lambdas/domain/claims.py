"""What a claim on an endpoint is worth."""

from __future__ import annotations

from lambdas.domain.record import Claim, Remediation


def is_at_work(claim: Claim, holder: Remediation | None, plan: str) -> bool:
    """Whether the holder of a claim is an unfinished remediation with this very plan."""
    return claim["planHash"] == plan and holder is not None and "outcome" not in holder
