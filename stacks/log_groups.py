"""Every log group: kept for as long as the settings say, and encrypted."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


@dataclass(frozen=True, slots=True)
class LogGroups:
    retention: logs.RetentionDays
    key: kms.IKey

    def create(self, scope: Construct, construct_id: str, *, name: str | None = None) -> logs.LogGroup:
        return logs.LogGroup(
            scope,
            construct_id,
            log_group_name=name,
            encryption_key=self.key,
            retention=self.retention,
            # the evidence is in the records table, so logs go with the stack
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
