"""CloudWatch Logs on this machine: that a function which someone called has written, and nothing else.

moto keeps lines by the real clock, and refuses those of another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend

from local.aws.cloud import replace_method


class Logs:
    """The log groups of functions that someone calls.

    Attributes
    ----------
    arrive
        Whether lines are taken; if not, nobody is told, as with a key that their writer may not use.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.arrive = True
        self._now = now
        self._events: dict[str, list[dict[str, Any]]] = {}

        def filter_log_events(
            _backend: LogsBackend, group: str, _streams: list[str], start: int, *_: Any
        ) -> tuple[list[dict[str, Any]], None, list[dict[str, Any]]]:
            if group not in self._events:
                raise ResourceNotFoundException
            return [event for event in self._events[group] if event["timestamp"] >= start], None, []

        replace_method(LogsBackend, "filter_log_events", filter_log_events)

    def create(self, group: str) -> None:
        self._events[group] = []

    def note_invocation(self, group: str) -> None:
        """The line that Lambda writes for every invocation."""
        if self.arrive:
            self._events[group].append({"timestamp": int(self._now() * 1000), "message": "REPORT"})
