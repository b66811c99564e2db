"""An audit's findings as a table for people, and as JSON and CSV for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lambdas.domain.encryption.assessment import SurfaceAssessment
from lambdas.domain.record import iso
from lambdas.domain.sweep.audit import AuditedEndpoint
from lambdas.domain.vocabulary import Verdict
from ops import spreadsheet
from ops.audit.controls import concerned
from ops.audit.result import Audit
from ops.listing import Column, Listing
from ops.terminal import shown

_STYLES = {
    Verdict.UNENCRYPTED: "bold red",
    Verdict.UNKNOWN: "bold red",
    Verdict.EXEMPT: "yellow",
    Verdict.ENCRYPTED: "green",
}
# A tag with one of these words in its key may name the endpoint's owner.
_OWNER_WORDS = ("owner", "team", "contact", "email", "project", "cost", "service", "application", "managed")
_COLUMNS = (
    "region", "endpoint", "verdict", "status", "config", "instanceTypes", "createdAt", "modifiedAt",
    "openSurfaces", "keys", "owners", "sharesConfigWith", "doubt", "exemption", "remediationId",
    "remediationOutcome", "controls",
)  # fmt: skip


def as_table(audit: Audit) -> Listing:
    """Worst first. The region only if there are several; of a config named after its endpoint, the rest."""
    columns = (
        Column("Verdict"), Column("Endpoint"), Column("Region"), Column("Surfaces"), Column("Runs on"),
        Column("Age", "age"), Column("Owner"), Column("Config", "config"),
        Column("Remediation", "remediation"), Column("Exemption"),
    )  # fmt: skip
    rows = [
        (
            f"[{_STYLES.get(one.verdict, 'default')}]{one.verdict}[/]",
            f"[bold]{shown(one.name)}[/]",
            one.region if len(audit.regions) > 1 else "",
            shown("\n".join(surface_words(surface) for surface in one.config.surfaces)),
            shown(", ".join(one.config.instance_types)),
            age(one.created_at, audit.made_at),
            shown("\n".join(f"{key}={value}" for key, value in owners(one).items())),
            _config_cell(audit, one),
            shown(remediation_words(audit, one)),
            shown(" ".join(words for words in (one.doubt, one.exemption) if words)),
        )
        for one in audit.endpoints
    ]
    return Listing(columns, rows, first=3)


def _config_cell(audit: Audit, one: AuditedEndpoint) -> str:
    others = len(audit.shared.get((one.region, one.config.name), ())) - 1
    shared = f" (shared with {others} more)" if others > 0 else ""
    name, ending = one.config.name, one.config.name.removeprefix(one.name)
    return f"[dim]…{shown(ending)}[/]{shared}" if ending != name else f"{shown(name)}{shared}"


def as_json(audit: Audit) -> str:
    return json.dumps(
        {
            "accountId": audit.account_id,
            "madeAt": iso(audit.made_at),
            "regions": audit.regions,
            "requiredSurfaces": audit.required,
            "isComplete": not audit.problems,
            "problems": [
                {"region": problem.region, "subject": problem.subject, "reason": problem.reason}
                for problem in audit.problems
            ],
            "endpoints": [_object(audit, one) for one in audit.endpoints],
        },
        indent=2,
    )


def as_csv(audit: Audit) -> str:
    """A header, and one line for each endpoint. Lists are joined by semicolons."""
    return spreadsheet.table(_COLUMNS, (_row(audit, one) for one in audit.endpoints))


def _row(audit: Audit, one: AuditedEndpoint) -> dict[str, str]:
    row = _object(audit, one)
    surfaces, remediation = row["surfaces"], row["remediation"] or {}
    row |= {
        "openSurfaces": [surface["surface"] for surface in surfaces if surface["problem"]],
        "keys": [f"{surface['surface']}={surface['key']}" for surface in surfaces if surface["key"]],
        "owners": [f"{key}={value}" for key, value in owners(one).items()],
        "remediationId": remediation.get("id", ""),
        "remediationOutcome": remediation.get("outcome", ""),
        "controls": [control["name"] for control in row["controls"]],
    }
    return {column: _cell(row[column]) for column in _COLUMNS}


def surface_words(surface: SurfaceAssessment) -> str:
    """A surface and its key, or what is wrong with it."""
    name = surface.surface.replace("-", " ")
    key = f"key {surface.key_id.rpartition('/')[2]}" if surface.key_id else ""
    return f"{name}: " + (f"{surface.problem} ({key})" if surface.problem and key else surface.problem or key)


def owners(one: AuditedEndpoint) -> dict[str, str]:
    """The tags that may name the endpoint's owner."""
    return {
        key: value
        for key, value in sorted((one.tags or {}).items())
        if any(word in key.lower() for word in _OWNER_WORDS)
    }


def age(since: datetime, now: datetime) -> str:
    """In days, or in hours on the first day."""
    passed = now - since
    return f"{passed.days} d" if passed.days else f"{passed.seconds // 3600} h"


def remediation_words(audit: Audit, one: AuditedEndpoint) -> str:
    """The outcome of the latest remediation on record, or that it is open."""
    latest = audit.remediations.get((one.region, one.name))
    return f"{latest.outcome or 'open'} ({latest.started_at[:10]})" if latest else ""


def open_surfaces(one: AuditedEndpoint) -> Iterator[SurfaceAssessment]:
    """The surfaces without a key that counts, unless the endpoint is exempt."""
    if one.verdict is not Verdict.EXEMPT:
        yield from (surface for surface in one.config.surfaces if surface.problem)


def _object(audit: Audit, one: AuditedEndpoint) -> dict[str, Any]:
    latest = audit.remediations.get((one.region, one.name))
    controls = concerned(frozenset(surface.surface for surface in open_surfaces(one)))
    return {
        "region": one.region,
        "endpoint": one.name,
        "verdict": one.verdict,
        "status": one.status,
        "config": one.config.name,
        "surfaces": [
            {
                "surface": surface.surface,
                "path": ".".join(map(str, surface.path)),
                "key": surface.key_id or "",
                "problem": surface.problem,
            }
            for surface in one.config.surfaces
        ],
        "instanceTypes": one.config.instance_types,
        "createdAt": iso(one.created_at),
        "modifiedAt": iso(one.modified_at),
        "tags": one.tags,
        "sharesConfigWith": [
            name for name in audit.shared.get((one.region, one.config.name), ()) if name != one.name
        ],
        "doubt": one.doubt,
        "exemption": one.exemption,
        "remediation": latest
        and {"id": latest.remediation_id, "startedAt": latest.started_at, "outcome": latest.outcome},
        "controls": [{"name": control.name, "source": control.source} for control in controls],
    }


def _cell(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
