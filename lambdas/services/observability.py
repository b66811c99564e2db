"""Logs and metrics of every function, under one id from the event to the outcome."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.domain.errors import RemediationError, SlackUnavailable

# Service name, namespace and level come from the POWERTOOLS_* environment that the stack sets; the service is
# the stack's name, which distinguishes deployments and regions.
logger = Logger()
_LINES = logger.registered_handler.lock or RLock()


def count(name: str, **dimension: str) -> None:
    """Count one, optionally by a dimension, such as ``outcome="ENCRYPTED"``."""
    _add(name, MetricUnit.Count, 1, dimension)


def measure(name: str, seconds: float) -> None:
    _add(name, MetricUnit.Seconds, seconds, {})


def gauge(name: str, number: int) -> None:
    """Report how many there are in total."""
    _add(name, MetricUnit.Count, number, {})


def count_error(error: Exception) -> None:
    """Count what an alarm watches: Slack being unreachable, and unexpected errors."""
    if isinstance(error, SlackUnavailable):
        count("SlackUnavailable")
    elif not isinstance(error, RemediationError):
        count("UnexpectedError")


def _add(name: str, unit: MetricUnit, value: float, dimension: Mapping[str, str]) -> None:
    # One record per metric: a record's dimensions apply to all its metrics, and a crash loses none. A record
    # is printed in two pieces, between which no other thread may write.
    with _LINES, single_metric(name=name, unit=unit, value=value, default_dimensions=dict(dimension)):
        pass


# The ids that a step's event names, and the log keys for them.
_IDS = {"remediationId": "remediation_id", "sweepId": "sweep_id", "digestId": "digest_id"}

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def step(handler: Handler) -> Handler:
    """A function of the workflow: logs under its remediation's id, and logs the error it stops with.

    Whole events are never logged, because they may carry a task token.
    """

    @functools.wraps(handler)
    def run(event: dict[str, Any], context: Any) -> dict[str, Any]:
        logger.append_keys(**{ours: event[theirs] for theirs, ours in _IDS.items() if theirs in event})
        try:
            return handler(event, context)
        except RemediationError as error:
            logger.warning("step_stopped", error_name=type(error).__name__, error_message=str(error))
            count_error(error)
            raise
        except Exception as error:
            logger.critical("unexpected_error", error_name=type(error).__name__)
            count_error(error)
            raise

    return logger.inject_lambda_context(run, clear_state=True)
