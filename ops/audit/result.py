"""What an audit found, as its formats show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lambdas.domain.sweep.audit import AuditedEndpoint
from lambdas.domain.vocabulary import Surface


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be looked at, so that the audit is not whole: a region, an endpoint, or its tags."""

    region: str
    what: str
    says: str


@dataclass(frozen=True, slots=True)
class LatestRemediation:
    """The latest on record for an endpoint; the outcome is empty while it is open."""

    remediation_id: str
    started_at: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Audit:
    """All that was looked at.

    Attributes
    ----------
    required
        The surfaces whose key decides the verdict.
    endpoints
        Worst first.
    shared
        The endpoints on each config that several share, by region and config.
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
