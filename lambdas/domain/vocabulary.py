"""The words of the project, as the workflow, the records, the cards and the logs use them."""

from __future__ import annotations

from enum import StrEnum


class Surface(StrEnum):
    """One place where an endpoint stores data, and where a KMS key can be named."""

    INSTANCE_VOLUME = "instance-volume"
    CORE_DUMP = "core-dump"
    DATA_CAPTURE = "data-capture"
    ASYNC_OUTPUT = "async-output"


SURFACE_WORDS = {
    Surface.INSTANCE_VOLUME: "Instance volume",
    Surface.CORE_DUMP: "Core dumps",
    Surface.DATA_CAPTURE: "Data capture",
    Surface.ASYNC_OUTPUT: "Async output",
}


class Verdict(StrEnum):
    """What an endpoint's config says about its encryption at rest."""

    ENCRYPTED = "ENCRYPTED"
    UNENCRYPTED = "UNENCRYPTED"
    EXEMPT = "EXEMPT"
    GONE = "GONE"
    UNSUPPORTED = "UNSUPPORTED"
    UNKNOWN = "UNKNOWN"  # what runs can't be told from what is described


class ApprovalStatus(StrEnum):
    """The state of an approval."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"


class Outcome(StrEnum):
    """How a remediation ended."""

    ENCRYPTED = "ENCRYPTED"
    ALREADY_ENCRYPTED = "ALREADY_ENCRYPTED"
    EXEMPT = "EXEMPT"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"
    GONE = "GONE"
    UNSUPPORTED = "UNSUPPORTED"
    ROLLED_BACK = "ROLLED_BACK"
    FAILED = "FAILED"
    NOT_ASKED = "NOT_ASKED"  # Slack is not set up yet: the next sweep asks
    OBSERVED = "OBSERVED"  # its route only observes: found, reported, left as it is
    BACKED_OUT = "BACKED_OUT"  # of a backout: the endpoint is on its earlier config again
