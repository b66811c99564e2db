"""Refuses a function's calls that its role doesn't allow: runs inside a Lambda worker, next to the handler.

Calls are met in botocore's `before-send` event, as they go over the wire. Standard library only until
`watch` is called: the worker finds botocore on its search path by then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from local.aws.call_faults import answered
from local.aws.iam.calls import Caller, UnknownCallError, requests_of
from local.aws.iam.policy import Decision, Evaluation, Policy, Request, judge

_WHY = {
    Decision.EXPLICIT_DENY: "with an explicit deny in an identity-based policy",
    Decision.IMPLICIT_DENY: "because no identity-based policy allows the {action} action",
}


class Enforcement:
    """The policies of one worker's role, and what they said to its calls."""

    def __init__(self) -> None:
        self._caller: Caller | None = None
        self._policies: list[Policy] = []
        self._allowed: set[tuple[str, str, str]] = set()
        self._refused: list[str] = []

    def begin(self, caller: dict[str, str], policies: list[Policy]) -> None:
        """A new invocation, under policies that may have changed."""
        self._caller, self._policies = Caller(**caller), policies
        self._allowed, self._refused = set(), []

    def report(self) -> dict[str, Any]:
        """What was allowed: an action, its resource, the item's key if any; and in AWS's words what not."""
        return {"allowed": sorted(self._allowed), "refused": self._refused}

    def watch(self, events: Any) -> None:
        """Meet every call of the clients that take their events from here."""
        events.register("before-send.*.*", self._before_aws)

    def _before_aws(self, request: Any, event_name: str, **_: Any) -> Any:
        if self._caller is None:
            raise RuntimeError("a call before any invocation")
        service, operation = event_name.split(".")[1:]
        try:
            needed = requests_of(service, operation, _parameters(request), self._caller)
        except UnknownCallError as error:
            self._refused.append(str(error))  # whatever the handler makes of it
            raise
        for one in needed:
            evaluation = judge(self._policies, one)
            if not evaluation.allowed:
                self._refused.append(refusal(one, evaluation, self._caller))
                return _access_denied(request, self._refused[-1])
        self._allowed.update((one.action, one.resource, key) for one in needed for key in _keys(one))
        return None


def _keys(request: Request) -> Sequence[str]:
    """The partition keys of DynamoDB's items that a request is about; one empty text for any other."""
    return request.context.get("dynamodb:LeadingKeys") or [""]


def refusal(request: Request, evaluation: Evaluation, caller: Caller) -> str:
    """What AWS says where a role's policies don't allow a request.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    why = _WHY[evaluation.decision].format(action=request.action)
    return (
        f"User: {caller.user_arn} is not authorized to perform: {request.action} "
        f"on resource: {request.resource} {why}"
    )


def _is_query(request: Any) -> bool:
    """Whether a request is of AWS's older protocol, of forms and XML, as IAM's are."""
    content_type = request.headers.get("Content-Type", b"")
    text = content_type.decode() if isinstance(content_type, bytes) else str(content_type)
    return text.startswith("application/x-www-form-urlencoded")


def _parameters(request: Any) -> dict[str, Any]:
    """What is really sent: a gateway may have put a body of its own into the call."""
    body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
    return dict(parse_qsl(body)) if _is_query(request) else json.loads(body or "{}")


def _access_denied(request: Any, message: str) -> Any:
    if _is_query(request):
        error = f"<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{message}</Message></Error>"
        return answered(request.url, 403, f"<ErrorResponse>{error}</ErrorResponse>")
    return answered(request.url, 400, json.dumps({"__type": "AccessDeniedException", "message": message}))
