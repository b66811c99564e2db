"""What the interactions function is measured beside: the same clients, one call each, and nothing else."""

from __future__ import annotations

import os
from typing import Any

import boto3

_dynamodb = boto3.client("dynamodb")
_secrets = boto3.client("secretsmanager")
_workflow = boto3.client("stepfunctions")


def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    _secrets.get_secret_value(SecretId=os.environ["SLACK_SECRET_ARN"])
    key = {"pk": {"S": "nothing"}, "sk": {"S": "nothing"}}
    _dynamodb.get_item(TableName=os.environ["RECORDS_TABLE_NAME"], Key=key)
    _workflow.list_state_machines(maxResults=1)
    return {"statusCode": 200, "headers": {}, "body": ""}
