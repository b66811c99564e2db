"""What a claim on an endpoint is worth."""

from __future__ import annotations

from lambdas.domain.record import Claim, Remediation

_REMEDIATION = "remediation#"


def remediation_of(claim: Claim) -> str:
    """The id of the remediation that holds an endpoint; empty if a backout does."""
    holder = claim["holder"]
    return holder.removeprefix(_REMEDIATION) if holder.startswith(_REMEDIATION) else ""


def is_at_work(claim: Claim, holder: Remediation | None, plan: str, *, unseen: bool) -> bool:
    """Whether the holder of a claim is an unfinished remediation with this very plan.

    Parameters
    ----------
    unseen
        Whether it has a question that nobody can see. Then it gives way, and the next one asks.
    """
    return claim["planHash"] == plan and holder is not None and "outcome" not in holder and not unseen
