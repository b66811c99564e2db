"""Why a remediation stops or waits. The class names are the error words that the state machine's Retry
and Catch see, so renaming one renames it in `stacks/workflow.py` too."""

from __future__ import annotations

from typing import ClassVar

from lambdas.domain.vocabulary import Outcome


class RemediationError(Exception):
    """The root of all that this project raises on purpose.

    `outcome` is how a remediation ends when nothing retries the error away. Messages are written for the
    person who reads the card: no secret, no task token, no stack trace goes into one.
    """

    outcome: ClassVar[Outcome] = Outcome.FAILED


class InvalidInput(RemediationError):
    """The state machine was started with something else than its documented input."""


class EndpointGone(RemediationError):
    outcome = Outcome.GONE


class EndpointChanged(RemediationError):
    """What is live is not what was approved; a person's newer change wins."""

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
    """The config under the twin's name differs from what was meant in more than its keys and name."""


class NotApproved(RemediationError):
    """The record holds no approval of this very plan, whatever the workflow says."""


class DeadlinePassed(RemediationError):
    """The endpoint did not settle in time."""


class RequestRefused(RemediationError):
    """A service refused a request for good; the message carries its own words."""


class MessageGone(RemediationError):
    """A card was deleted from its channel."""


class ModalChanged(RemediationError):
    """A modal was closed, or shows something else already."""


class NoSuchUser(RemediationError):
    """Slack knows nobody by that email."""


# -- passing conditions: the state machine retries these, with a backoff


class Throttled(RemediationError):
    """A service asks us to slow down."""


class ServiceUnavailable(RemediationError):
    """A service did not answer, or answered that the fault is its own."""


class EndpointBusy(RemediationError):
    """The endpoint is being changed by someone else (autoscaling, SageMaker's own patching)."""


class EndpointConfigNotFound(RemediationError):
    """An endpoint config is not there, or not there yet (DESIGN §4.6)."""


class NotYetConsistent(RemediationError):
    """What was just written can't all be read back yet."""


class SlackUnavailable(RemediationError):
    """Slack could not be reached, or asked us to slow down."""


def _subclasses(cls: type[RemediationError]) -> dict[str, type[RemediationError]]:
    found = {cls.__name__: cls}
    for sub in cls.__subclasses__():
        found |= _subclasses(sub)
    return found


def is_ours(error_word: str) -> bool:
    """Whether an error word is one of this module's, whose messages are written for people."""
    return error_word in _subclasses(RemediationError)


def outcome_of(error_word: str) -> Outcome:
    """The outcome that an error word stands for; anything unknown (a time-out, a bug) is a failure."""
    known = _subclasses(RemediationError).get(error_word)
    return known.outcome if known else Outcome.FAILED
