"""The metrics that the functions count (`lambdas/services/observability.py`), for alarms and dashboard."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

NAMESPACE = "Sealpoint"

# The members of `lambdas.domain.vocabulary.Outcome`; a test compares the two.
OUTCOMES = (
    "ENCRYPTED", "ALREADY_ENCRYPTED", "EXEMPT", "OBSERVED", "NOT_ASKED", "DENIED", "EXPIRED", "SUPERSEDED",
    "GONE", "UNSUPPORTED", "ROLLED_BACK", "CALLED_OFF", "FAILED", "BACKED_OUT",
)  # fmt: skip


def counted(
    scope: Construct, name: str, *, statistic: str = "Sum", label: str | None = None, **dimension: str
) -> cloudwatch.Metric:
    """A metric of this deployment alone: its `service` is the stack's name, which includes the region."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": cdk.Stack.of(scope).stack_name, **dimension},
        statistic=statistic,
        label=label or name,
    )
