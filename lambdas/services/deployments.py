"""Whether the described config is the one that serves; CloudTrail helps where times leave it open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from lambdas.domain.encryption.serving import TWO_CLOCKS, Events, Serving, serving, settled_by
from lambdas.domain.errors import RemediationError
from lambdas.domain.record import moment
from lambdas.gateways.cloudtrail import CloudTrail, cloudtrail

logger = Logger(child=True)

_Body = Mapping[str, Any]

# CloudTrail shows a call some five minutes later on average, and doesn't guarantee that.
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
_SHOWN_WITHIN = timedelta(minutes=15)


def seconds_until_known(endpoint: _Body, config: _Body, now: datetime) -> int:
    """How long to wait until CloudTrail shows what the times leave open; 0 if nothing is to be waited for."""
    if serving(endpoint, config) is not Serving.DELETION_DECIDES:
        return 0
    return max(0, int((moment(config["CreationTime"]) + _SHOWN_WITHIN - now).total_seconds()))


def what_serves(
    endpoint: _Body, config: _Body, now: datetime, *, trail: Callable[[], CloudTrail] = cloudtrail
) -> Serving:
    """Judge whether the endpoint runs the described config. What CloudTrail can't tell is not assumed."""
    found = serving(endpoint, config)
    if found not in (Serving.DELETION_DECIDES, Serving.DEPLOYMENT_DECIDES):
        return found
    try:
        events = _events(found, endpoint, config, now, trail())
    except RemediationError as error:
        name = str(endpoint["EndpointName"])
        logger.warning("deployment_not_looked_up", endpoint_name=name, error_message=str(error))
        events = Events()
    return settled_by(events, found, config)


def _events(found: Serving, endpoint: _Body, config: _Body, now: datetime, trail: CloudTrail) -> Events:
    created, name = moment(config["CreationTime"]), str(config["EndpointConfigName"])
    if found is Serving.DELETION_DECIDES:
        if now - created < _SHOWN_WITHIN:
            return Events()
        return Events(deleted=trail.was_config_deleted(name, created - TWO_CLOCKS, created + TWO_CLOCKS))
    began = moment(endpoint["CreationTime"])
    return Events(deployed_at=trail.deployed_at(str(endpoint["EndpointName"]), name, began, now))
