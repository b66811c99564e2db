"""What goes wrong with a function's calls, on request: runs inside a Lambda worker, next to the handler.

AWS calls are met in botocore's own `before-send` and `after-call` events, Slack calls where urllib opens
them. Standard library only until `watch` is called: the worker finds botocore on its search path by then.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any

KINDS = ("throttled once", "5xx once", "failing for good", "access denied", "timing out", "killed after")
TRANSIENT = frozenset({"throttled once", "5xx once", "timing out", "killed after"})
_KILLED = 137


class CallFaults:
    """The faults of one worker: each `{"call": "SageMaker.DescribeEndpoint", "kind": one of KINDS}`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._planned: list[dict[str, str]] = []
        self._met: list[dict[str, str]] = []

    def begin(self, planned: list[dict[str, str]]) -> None:
        """A new invocation, and the faults that it may meet."""
        self.calls, self._met = [], []
        self._planned = list(planned)

    def report(self) -> dict[str, Any]:
        """The calls that were made, the faults that they met, and those that are left."""
        return {"calls": self.calls, "met": self._met, "faults": self._planned}

    def watch(self, events: Any) -> None:
        """Meet every call of Slack from now on, and of the AWS clients that take their events from here."""
        events.register("before-send.*.*", self._before_aws)
        events.register("after-call.*.*", self._after_aws)
        opened: Callable[..., Any] = urllib.request.OpenerDirector.open

        def open_watched(opener: Any, request: Any, *rest: Any, **more: Any) -> Any:
            url = request if isinstance(request, str) else request.full_url
            call = f"Slack.{url.rpartition('/')[2]}"
            self.calls.append(call)
            self._before_slack(call, url)
            answer = opened(opener, request, *rest, **more)
            self._after(call)
            return answer

        setattr(urllib.request.OpenerDirector, "open", open_watched)  # noqa: B010  # its signature is wider

    def _take(self, call: str, *kinds: str) -> str | None:
        """The fault that a call meets. Only "failing for good" and "access denied" stay."""
        for fault in self._planned:
            if fault["call"] == call and fault["kind"] in kinds:
                self._met.append(fault)
                if fault["kind"] in TRANSIENT:
                    self._planned.remove(fault)
                return fault["kind"]
        return None

    def _before_aws(self, request: Any, event_name: str, **_: Any) -> Any:
        from botocore.exceptions import ReadTimeoutError  # noqa: PLC0415  # on the search path only now

        call = _aws_call(event_name)
        self.calls.append(call)
        kind = self._take(call, *(kind for kind in KINDS if kind != "killed after"))
        if kind is None:
            return None
        if kind == "timing out":
            raise ReadTimeoutError(endpoint_url=request.url)
        status, code = {
            "throttled once": (400, "ThrottlingException"),
            "access denied": (400, "AccessDeniedException"),
        }.get(kind, (500, "InternalFailure"))
        return answered(request.url, status, json.dumps({"__type": code, "message": f"injected: {kind}"}))

    def _after_aws(self, event_name: str, **_: Any) -> None:
        self._after(_aws_call(event_name))

    def _before_slack(self, call: str, url: str) -> None:
        kind = self._take(call, *(kind for kind in KINDS if kind != "killed after"))
        if kind in ("timing out", "failing for good"):
            raise TimeoutError("injected: timing out")
        if kind == "access denied":
            # Slack says so in a 200, which only the stand-in can answer: an HTTP refusal comes closest
            raise urllib.error.HTTPError(url, 403, "injected", Message(), None)
        if kind:
            status = 429 if kind == "throttled once" else 503
            raise urllib.error.HTTPError(url, status, "injected", Message(), None)

    def _after(self, call: str) -> None:
        if self._take(call, "killed after"):
            os._exit(_KILLED)


def answered(url: str, status: int, body: str) -> Any:
    """An answer for a call that isn't sent: what a handler of `before-send` returns."""
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415  # on the search path only now

    headers: Any = {"x-amzn-requestid": "answered-locally"}
    return AWSResponse(url, status, headers, _Raw(body.encode()))


class _Raw:
    """As much of a raw HTTP answer as botocore reads."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body


def _aws_call(event_name: str) -> str:
    """`SageMaker.DescribeEndpoint` of botocore's `before-send.sagemaker.DescribeEndpoint`."""
    _, service, operation = event_name.split(".")
    return f"{_SERVICES.get(service, service)}.{operation}"


_SERVICES = {
    "sagemaker": "SageMaker", "dynamodb": "DynamoDB", "sfn": "StepFunctions", "kms": "KMS",
    "secrets-manager": "SecretsManager", "eventbridge": "EventBridge", "scheduler": "Scheduler",
}  # fmt: skip
