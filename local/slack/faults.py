"""Everything that goes wrong with the real Web API, on request."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass
class _Rule:
    """What happens to the next `times` calls of a method (of any, where it is None)."""

    method: str | None
    times: int
    error: str = ""
    status: int = HTTPStatus.OK
    retry_after: int | None = None
    loses_answer: bool = False


@dataclass(frozen=True)
class Plan:
    """What a call meets: the error, if any; an answer is lost after the call acted."""

    error: str = ""
    status: int = HTTPStatus.OK
    retry_after: int | None = None
    loses_answer: bool = False


@dataclass
class Faults:
    """The faults of one `SlackStandIn`.

    `method` is a Web API method such as "chat.update", or None for any; `times` is how many of the next
    calls it is for.

    Parameters
    ----------
    posting_limited
        Answer `ratelimited` past about one chat.postMessage a second in a channel, by the clock.
    """

    posting_limited: bool = False
    _down: bool = field(init=False, default=False)
    _rules: list[_Rule] = field(init=False, default_factory=list[_Rule])
    _posted: dict[str, float] = field(init=False, default_factory=dict[str, float])
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def fail(self, method: str | None, error: str, times: int = 1) -> None:
        """Answer `{"ok": false, "error": error}`, nothing done."""
        self._add(_Rule(method, times, error=error))

    def heal(self) -> None:
        """Forget every fault that was asked for and has not been met."""
        with self._lock:
            self._rules.clear()

    def rate_limit(self, method: str | None = None, *, retry_after: int = 1, times: int = 1) -> None:
        """HTTP 429 with `Retry-After`, in seconds."""
        self._add(
            _Rule(
                method,
                times,
                error="ratelimited",
                status=HTTPStatus.TOO_MANY_REQUESTS,
                retry_after=retry_after,
            )
        )

    def break_down(self, method: str | None = None, times: int = 1) -> None:
        """HTTP 500."""
        self._add(_Rule(method, times, error="internal_error", status=HTTPStatus.INTERNAL_SERVER_ERROR))

    def lose_answer(self, method: str | None = None, times: int = 1) -> None:
        """Do what was asked, then close the connection without saying so."""
        self._add(_Rule(method, times, loses_answer=True))

    def take_down(self) -> None:
        """Close every connection to the Web API unanswered, nothing done, until `bring_up`."""
        with self._lock:
            self._down = True

    def bring_up(self) -> None:
        with self._lock:
            self._down = False

    # -- what the server asks

    @property
    def is_down(self) -> bool:
        with self._lock:
            return self._down

    def plan(self, method: str) -> Plan:
        """What this call meets. Uses up one of each fault that it meets."""
        with self._lock:
            met = [rule for rule in self._rules if rule.method in (None, method)]
            errors = [rule for rule in met if rule.error][:1]
            losses = [rule for rule in met if rule.loses_answer][:1]
            for rule in (*errors, *losses):
                rule.times -= 1
            self._rules = [rule for rule in self._rules if rule.times > 0]
        error = errors[0] if errors else _Rule(None, 0)
        return Plan(
            error=error.error,
            status=error.status,
            retry_after=error.retry_after,
            loses_answer=bool(losses),
        )

    def may_post(self, channel: str, now: float) -> bool:
        """Whether a message is within the rate of its channel."""
        with self._lock:
            if self.posting_limited and now - self._posted.get(channel, now - 1) < 1:
                return False
            self._posted[channel] = now
            return True

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.append(rule)
