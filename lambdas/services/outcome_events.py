"""Reports outcomes on the account's event bus."""

from __future__ import annotations

from lambdas.domain.outcome_event import OutcomeEvent
from lambdas.gateways.event_bus import event_bus
from lambdas.services.observability import count, logger


def report(event: OutcomeEvent) -> None:
    """Put an outcome on the bus, at least once: a step that is repeated puts it again, with the same id.

    If that fails, it is logged and counted, and the step goes on: the outcome is on record.
    """
    try:
        event_bus().put(event)
    except Exception as error:  # noqa: BLE001  # whatever it is, the endpoint must be released and people notified
        event_id = event.detail["eventId"]
        logger.error("outcome_event_lost", event_id=event_id, error_message=str(error))
        count("OutcomeEventLost")
