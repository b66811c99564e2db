"""What the functions count (`lambdas/services/observability.py`), as alarms and dashboards ask for it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

NAMESPACE = "Sealpoint"

# As `lambdas.domain.vocabulary.Outcome` has them; a test holds the two together.
OUTCOMES = (
    "ENCRYPTED", "ALREADY_ENCRYPTED", "EXEMPT", "OBSERVED", "DENIED", "EXPIRED", "SUPERSEDED", "GONE",
    "UNSUPPORTED", "ROLLED_BACK", "FAILED", "BACKED_OUT",
)  # fmt: skip


def counted(
    scope: Construct, name: str, *, statistic: str = "Sum", label: str | None = None, **dimension: str
) -> cloudwatch.Metric:
    """A metric of this deployment alone: its `service` is the stack's name, which names the region, too."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": cdk.Stack.of(scope).stack_name, **dimension},
        statistic=statistic,
        label=label or name,
    )
