"""The audit as a page for an auditor: the picture first, then every finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from lambdas.domain.encryption.assessment import SurfaceAssessment
from lambdas.domain.sweep.audit import AuditedEndpoint
from lambdas.domain.vocabulary import Surface, Verdict
from ops import pages
from ops.audit.controls import CONTROLS
from ops.audit.formats import age, open_surfaces, owners, remediation_words, surface_words
from ops.audit.result import Audit

_TITLE = "Encryption at rest of SageMaker endpoints"
_ENCRYPTED, _EXEMPT, _OPEN = _KINDS = ("encrypted", "exempt", "open")
_LEGEND = tuple(zip(_KINDS, ("encrypted", "exempt", "open: unencrypted"), strict=True))
_SHARING_SHOWN = 5
_BAR_WIDTH = 1000  # in its own units


def as_report(audit: Audit) -> str:
    """An HTML page to print or to file, which needs no other file."""
    required = ", ".join(surface.replace("-", " ") for surface in audit.required)
    counts = Counter(_kind(one) for one in audit.endpoints)
    surfaces = {surface.replace("-", " "): found for surface, found in counts_by_surface(audit).items()}
    open_on = [frozenset(surface.surface for surface in open_surfaces(one)) for one in audit.endpoints]
    return pages.render(
        "audit.html.j2",
        title=_TITLE,
        where=[
            f"account {audit.account_id}; {', '.join(audit.regions)}",
            f"made {audit.made_at:%Y-%m-%d %H:%M:%S} UTC; required: {required}",
        ],
        problems=[(problem.region, problem.subject, problem.reason) for problem in audit.problems],
        kinds=_KINDS,
        legend=_LEGEND,
        bar_width=_BAR_WIDTH,
        counts={kind: counts[kind] for kind in _KINDS},
        total=counts.total(),
        share=share(counts[_ENCRYPTED], counts.total()),
        regions=_bars(counts_by_region(audit), _missing(audit)),
        surfaces=_bars(surfaces, {}),
        controls=[
            (control, sum(bool(control.surfaces & surfaces) for surfaces in open_on)) for control in CONTROLS
        ],
        findings=[_finding(audit, one) for one in audit.endpoints if one.verdict is not Verdict.ENCRYPTED],
        encrypted=[_encrypted(audit, one) for one in audit.endpoints if one.verdict is Verdict.ENCRYPTED],
    )


def share(part: int, whole: int) -> str:
    """In whole percents, never rounded up: 100 % only if it is all of them."""
    if not whole:
        return "–"
    return f"{100 * part // whole} %"


def counts_by_region(audit: Audit) -> dict[str, Counter[str]]:
    """How many endpoints are encrypted, exempt and open, in each region of the audit."""
    counted = {region: Counter[str]() for region in audit.regions}
    for one in audit.endpoints:
        counted.setdefault(one.region, Counter())[_kind(one)] += 1
    return counted


def counts_by_surface(audit: Audit) -> dict[Surface, Counter[str]]:
    """The same for each encryption surface, of the endpoints that have it."""
    counted: dict[Surface, Counter[str]] = {}
    for one in audit.endpoints:
        worst: dict[Surface, str] = {}
        for surface in one.config.surfaces:
            kind = _surface_kind(one, surface)
            worst[surface.surface] = max(worst.get(surface.surface, _ENCRYPTED), kind, key=_KINDS.index)
        for surface, kind in worst.items():
            counted.setdefault(surface, Counter())[kind] += 1
    return {surface: counted[surface] for surface in Surface if surface in counted}


def _kind(one: AuditedEndpoint) -> str:
    return {Verdict.ENCRYPTED: _ENCRYPTED, Verdict.EXEMPT: _EXEMPT}.get(one.verdict, _OPEN)


def _surface_kind(one: AuditedEndpoint, surface: SurfaceAssessment) -> str:
    if not surface.problem:
        return _ENCRYPTED
    return _EXEMPT if one.verdict is Verdict.EXEMPT else _OPEN


def _missing(audit: Audit) -> dict[str, str]:
    """What is shown in place of a bar, for a region without an endpoint."""
    troubled = {problem.region for problem in audit.problems}
    return {region: "not checked" if region in troubled else "no endpoint" for region in audit.regions}


def _bars(counted: Mapping[str, Counter[str]], missing: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "counts": {kind: counts[kind] for kind in _KINDS} if counts else None,
            "missing": missing.get(name, ""),
            "label": f"{name}: " + ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS),
            "parts": _parts(counts),
        }
        for name, counts in counted.items()
    ]


def _parts(counts: Counter[str]) -> list[dict[str, str]]:
    """The parts of a bar, from left to right."""
    total, left = counts.total(), 0.0
    parts: list[dict[str, str]] = []
    for kind in _KINDS:
        if counts[kind]:
            width = _BAR_WIDTH * counts[kind] / total
            parts.append({"kind": kind, "x": f"{left:.1f}", "width": f"{width:.1f}"})
            left += width
    return parts


def _finding(audit: Audit, one: AuditedEndpoint) -> dict[str, Any]:
    return {
        "name": one.name,
        "region": one.region,
        "status": one.status,
        "verdict": one.verdict,
        "kind": _kind(one),
        "surfaces": [surface_words(surface) for surface in one.config.surfaces],
        "instance_types": ", ".join(one.config.instance_types),
        "age": age(one.created_at, audit.made_at),
        "owners": [f"{key}={value}" for key, value in owners(one).items()],
        "config": one.config.name,
        "shared_with": _shared_with(audit, one),
        "notes": [words for words in (one.doubt, one.exemption, remediation_words(audit, one)) if words],
    }


def _encrypted(audit: Audit, one: AuditedEndpoint) -> tuple[str, ...]:
    return (
        one.name,
        one.region,
        one.config.name,
        "; ".join(surface_words(surface) for surface in one.config.surfaces),
        remediation_words(audit, one),
    )


def _shared_with(audit: Audit, one: AuditedEndpoint) -> str:
    others = [name for name in audit.shared.get((one.region, one.config.name), ()) if name != one.name]
    more = len(others) - _SHARING_SHOWN
    return ", ".join(others[:_SHARING_SHOWN]) + (f" and {more} more" if more > 0 else "")
