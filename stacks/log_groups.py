"""Every log group: kept for as long as the settings say, and encrypted."""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

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
            # the evidence is the records table; logs go with what wrote them
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        resource: Any = group.node.default_child
        resource.retention_in_days = self.retention_days  # LogGroup takes names in place of numbers
        return group
