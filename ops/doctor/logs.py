"""Checks that log lines arrive: the metrics are made of them, and the alarms of the metrics.

CloudWatch Logs may refuse them without an error that anybody sees, if the KMS key's policy or a service
control policy leaves their writer out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import requests

from ops import clock
from ops.deployment import Deployment
from ops.doctor.results import RESTORE, CheckResult

_SUBJECT = "Logs"
_TIMEOUT_SECONDS = 10
# Lambda hands lines to CloudWatch Logs within seconds.
_LOOKS, _BETWEEN_SECONDS = 6, 5


def arrive(deployment: Deployment) -> Iterator[CheckResult]:
    """Have the function that answers Slack write a line, and look for it.

    Lambda writes several for each invocation, whatever its function says:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """
    group = deployment.output("InteractionsLogGroupName")
    since = int(clock.now().timestamp() * 1000)
    try:
        requests.post(
            deployment.output("SlackInteractionsUrl"),
            auth=lambda request: request,  # else requests would add credentials from ~/.netrc
            allow_redirects=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except requests.RequestException:
        return  # the check of the address says so
    pages = deployment.client("logs").get_paginator("filter_log_events")
    for _ in range(_LOOKS):
        if any(page["events"] for page in pages.paginate(logGroupName=group, startTime=since)):
            yield CheckResult(_SUBJECT, "they arrive, and you can read them")
            return
        time.sleep(_BETWEEN_SECONDS)
    yield CheckResult(
        _SUBJECT,
        f"nothing arrived in {group} within {_LOOKS * _BETWEEN_SECONDS} s, although its function was called: "
        "without logs there are no metrics, and no alarm rings",
        "See in CloudTrail whether logs:PutLogEvents or a call of KMS for it is refused, such as by a "
        f"service control policy. If the policy of {deployment.output('OperationsKeyArn')} was changed: "
        f"{RESTORE}",
    )
