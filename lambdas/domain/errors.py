"""Why a remediation stops or waits. The class names are the error names that the state machines' Retry and
Catch see, so a name that changes here changes in the workflows' definitions, too.

    RemediationError                outcome if nothing retries it away: FAILED unless another is given
    ├─ final
    │  ├─ InvalidInput, EndpointNotServing, KeyUnusable, ModelGone, TwinMismatch, NotApproved
    │  ├─ DeadlinePassed, MessageGone, ModalChanged, NoSuchUser, NobodyAsked
    │  ├─ RequestRefused
    │  │  └─ SlackNotSetUp          NOT_ASKED
    │  ├─ EndpointGone              GONE
    │  ├─ EndpointChanged           SUPERSEDED
    │  └─ EncryptionUnsupported     UNSUPPORTED
    └─ passing, retried with a backoff
       ├─ Throttled, ServiceUnavailable, SlackUnavailable
       └─ EndpointBusy, EndpointConfigNotFound, NotYetConsistent
"""

from __future__ import annotations

from typing import ClassVar

from lambdas.domain.vocabulary import Outcome


class RemediationError(Exception):
    """The root of the errors that this project raises on purpose.

    `outcome` is how a remediation ends if nothing retries the error away. Messages are written for the person
    who reads the card: they contain no secret, no task token and no stack trace.
    """

    outcome: ClassVar[Outcome] = Outcome.FAILED


class InvalidInput(RemediationError):
    """The state machine was started with an input other than the documented one."""


class EndpointGone(RemediationError):
    outcome = Outcome.GONE


class EndpointChanged(RemediationError):
    """What is live is not what was approved: a person's newer change wins."""

    outcome = Outcome.SUPERSEDED


class EndpointNotServing(RemediationError):
    """The endpoint is in a status from which it can't be updated, such as Failed."""


class EncryptionUnsupported(RemediationError):
    """AWS refuses a KMS key for this endpoint."""

    outcome = Outcome.UNSUPPORTED


class KeyUnusable(RemediationError):
    """SageMaker could not encrypt with the KMS key that is to be given to the endpoint."""


class ModelGone(RemediationError):
    """A model of the config was deleted; SageMaker refuses to update such an endpoint."""


class TwinMismatch(RemediationError):
    """The config under the twin's name is not the copy that was sent."""


class NotApproved(RemediationError):
    """The record holds no approval of this very plan, whatever the workflow says."""


class DeadlinePassed(RemediationError):
    """The endpoint or its queue did not settle in time."""


class RequestRefused(RemediationError):
    """A service refused a request for good. The message quotes the service."""


class SlackNotSetUp(RequestRefused):
    """One of Slack's credentials isn't stored yet."""

    outcome = Outcome.NOT_ASKED


class NobodyAsked(RemediationError):
    """A question could not be shown to anyone. Its message says why."""


class MessageGone(RemediationError):
    """A card was deleted from its channel."""


class ModalChanged(RemediationError):
    """A modal was closed, or already shows something else."""


class NoSuchUser(RemediationError):
    """Slack knows nobody by that email."""


# -- passing conditions: the state machine retries these, with a backoff


class Throttled(RemediationError):
    """A service asks us to slow down."""


class ServiceUnavailable(RemediationError):
    """A service did not respond, or reported a fault of its own."""


class EndpointBusy(RemediationError):
    """The endpoint is being changed by someone else (autoscaling, SageMaker's own patching)."""


class EndpointConfigNotFound(RemediationError):
    """An endpoint config does not exist, or can't be read yet: SageMaker is eventually consistent."""


class NotYetConsistent(RemediationError):
    """Not all of what was just written can be read back yet."""


class SlackUnavailable(RemediationError):
    """Slack could not be reached, or asked us to slow down."""


def _subclasses(cls: type[RemediationError]) -> dict[str, type[RemediationError]]:
    found = {cls.__name__: cls}
    for sub in cls.__subclasses__():
        found |= _subclasses(sub)
    return found


def is_ours(error_name: str) -> bool:
    """Whether an error name names one of this module's errors, whose messages are written for people."""
    return error_name in _subclasses(RemediationError)


def outcome_of(error_name: str) -> Outcome:
    """The outcome that an error name stands for; anything else (a time-out, a bug) is a failure."""
    known = _subclasses(RemediationError).get(error_name)
    return known.outcome if known else Outcome.FAILED
