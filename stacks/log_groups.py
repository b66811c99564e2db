"""Every log group: kept for as long as the settings say, and encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


@dataclass(frozen=True, slots=True)
class LogGroups:
    retention_days: int
    key: kms.IKey

    def create(self, scope: Construct, construct_id: str, *, name: str | None = None) -> logs.LogGroup:
        group = logs.LogGroup(
            scope,
            construct_id,
            log_group_name=name,
            encryption_key=self.key,
            # the evidence is in the records table, so logs go with the stack
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        resource: Any = group.node.default_child
        resource.retention_in_days = self.retention_days  # LogGroup takes names in place of numbers
        return group
