"""Why an execution that is closed by an event was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.domain.errors import RemediationError, SealpointRemoved
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import logger


def with_cause(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event of a closing function, with the error of an execution that Sealpoint's removal stopped.

    Whatever else stopped it, the event says as much as is to be said. So it does if Step Functions can't say.
    """
    if event.get("status") != "ABORTED":
        return event
    try:
        stopped = step_functions().stopped_with(str(event["executionArn"]))
    except RemediationError as error:
        logger.warning("stop_not_explained", error_message=str(error))
        return event
    return {**event, "error": stopped} if stopped["Error"] == SealpointRemoved.__name__ else event
