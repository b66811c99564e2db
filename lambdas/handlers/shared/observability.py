"""What every function logs and counts with: one id, the remediation's, from the event to the outcome."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from remediation.errors import RemediationError

# Service name, namespace and level come from the POWERTOOLS_* environment that the stack sets.
logger = Logger()
metrics = Metrics()


def publish_metrics() -> None:
    """Write what was counted; a run that counted nothing is nothing to warn about."""
    if metrics.metric_set:
        metrics.flush_metrics()


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def step(handler: Handler) -> Handler:
    """A function of the workflow: logs under its remediation's id, and names the error it stops with.

    Events are never logged whole: they may carry a task token.
    """

    @functools.wraps(handler)
    def run(event: dict[str, Any], context: Any) -> dict[str, Any]:
        logger.append_keys(remediation_id=event.get("remediationId", ""))
        try:
            return handler(event, context)
        except RemediationError as error:
            logger.warning("step_stopped", error_word=type(error).__name__, error_message=str(error))
            raise
        finally:
            publish_metrics()

    return logger.inject_lambda_context(run, clear_state=True)
