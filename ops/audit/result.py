"""What an audit found, as its formats present it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lambdas.domain.sweep.audit import AuditedEndpoint
from lambdas.domain.vocabulary import Surface


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be checked, so that the audit is incomplete: a list, an endpoint, or its tags."""

    region: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class LatestRemediation:
    """An endpoint's latest remediation on record. The outcome is empty while it is open."""

    remediation_id: str
    started_at: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything that was checked.

    Attributes
    ----------
    required
        The surfaces that decide the verdict.
    endpoints
        Worst first.
    shared
        The endpoints that share a config, by region and config.
    remediations
        By region and endpoint, where Sealpoint is deployed.
    """

    account_id: str
    made_at: datetime
    regions: tuple[str, ...]
    required: tuple[Surface, ...]
    endpoints: Sequence[AuditedEndpoint]
    shared: Mapping[tuple[str, str], tuple[str, ...]]
    remediations: Mapping[tuple[str, str], LatestRemediation]
    problems: Sequence[Problem]
