"""The audit as one page for an auditor: the picture first, then every finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from lambdas.domain.encryption.assessment import SurfaceAssessment
from lambdas.domain.sweep.audit import AuditedEndpoint
from lambdas.domain.vocabulary import Surface, Verdict
from ops.audit.controls import CONTROLS
from ops.audit.formats import age, open_surfaces, owners, remediation_words, surface_words
from ops.audit.result import Audit
from ops.html import page, table, table_of

_TITLE = "Encryption at rest of SageMaker endpoints"
_STYLES = ("report.css", "audit/report.css")
_ENCRYPTED, _EXEMPT, _OPEN = _KINDS = ("encrypted", "exempt", "open")
_SHARING_SHOWN = 5
_WIDTH = 1000  # of a bar, in its own units
_HATCH = (
    '<svg class="hidden" aria-hidden="true"><defs><pattern id="hatch" width="12" height="12" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="12" '
    'fill="var(--hatch)"/></pattern></defs></svg>'
)
_FOOT = (
    "“No KMS key” means that the endpoint config names no key of yours. SageMaker then uses a transient key "
    "of its own, which none of the controls accepts. Only endpoints were looked at: not training jobs, "
    "notebooks, models' artifacts, or the S3 buckets that captures and answers are written to."
)


def as_report(audit: Audit) -> str:
    """One HTML page that needs nothing else, to print or to file."""
    deciding = ", ".join(surface.replace("-", " ") for surface in audit.required)
    where = [
        f"account {audit.account_id}; {', '.join(audit.regions)}",
        f"made {audit.made_at:%Y-%m-%d %H:%M:%S} UTC; decided by: {deciding}",
    ]
    findings = [one for one in audit.endpoints if one.verdict is not Verdict.ENCRYPTED]
    encrypted = [one for one in audit.endpoints if one.verdict is Verdict.ENCRYPTED]
    parts = [_not_whole(audit), _picture(audit), _controls(audit)]
    if findings:
        parts.append(f"<section><h2>Not encrypted</h2>{_findings(audit, findings)}</section>")
    if encrypted:
        parts.append(f"<section><h2>Encrypted</h2>{_encrypted(audit, encrypted)}</section>")
    parts.append(f"<footer>{escape(_FOOT)}</footer>")
    return page(_TITLE, where, "\n".join(part for part in parts if part), styles=_STYLES)


def share(part: int, whole: int) -> str:
    """In whole percents, never rounded up: a hundred only if it is all of them."""
    if not whole:
        return "–"
    return f"{100 * part // whole} %"


def counts_by_region(audit: Audit) -> dict[str, Counter[str]]:
    """How many endpoints are encrypted, exempt and open, in each region that was asked for."""
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


def _not_whole(audit: Audit) -> str:
    if not audit.problems:
        return ""
    rows = ((problem.region, problem.what, problem.says) for problem in audit.problems)
    return (
        '<div class="notwhole"><h2>This audit is not whole</h2><p>What could not be looked at is in none of '
        f"the numbers below.</p>{table(('Region', 'What', 'Why'), rows, classes='stacks')}</div>"
    )


def _picture(audit: Audit) -> str:
    whole = Counter(_kind(one) for one in audit.endpoints)
    total = sum(whole.values())
    others = f"{whole[_EXEMPT]} exempt, {whole[_OPEN]} open"
    said = f"{whole[_ENCRYPTED]} of {total} endpoints are encrypted; {others}"
    surfaces = {surface.replace("-", " "): counts for surface, counts in counts_by_surface(audit).items()}
    if not total:
        return "<section><p>No endpoint was found.</p></section>"
    return (
        f'<section>{_HATCH}<p class="share"><strong>{share(whole[_ENCRYPTED], total)}</strong>'
        f"<span>{said}</span></p>{_legend()}"
        f"{_bars('Region', counts_by_region(audit), _missing(audit))}"
        f"{_bars('Encryption surface', surfaces, {})}</section>"
    )


def _legend() -> str:
    words = {_ENCRYPTED: "encrypted", _EXEMPT: "exempt", _OPEN: "no KMS key, or one that doesn't count"}
    boxes = "".join(
        f'<svg viewBox="0 0 32 16" aria-hidden="true"><rect class="bar-{kind}" x="1" y="1" width="30" '
        f'height="14"/></svg>{escape(words[kind])}'
        for kind in _KINDS
    )
    return f'<p class="legend">{boxes}</p>'


def _missing(audit: Audit) -> dict[str, str]:
    """What stands in place of a bar, in a region without an endpoint."""
    troubled = {problem.region for problem in audit.problems}
    return {region: "not looked at" if region in troubled else "no endpoint" for region in audit.regions}


def _bars(head: str, counted: Mapping[str, Counter[str]], missing: Mapping[str, str]) -> str:
    rows = [
        [
            escape(name),
            _bar(name, counts) if counts else missing[name],
            *(str(counts[kind]) if counts else "–" for kind in _KINDS),
        ]
        for name, counts in counted.items()
    ]
    return table_of((head, "", *_KINDS), rows, classes="bars stacks")


def _bar(name: str, counts: Counter[str]) -> str:
    """A bar as long as its row; each part has a look of its own in black and white, too."""
    total, left = sum(counts.values()), 0.0
    parts: list[str] = []
    for kind in _KINDS:
        width = _WIDTH * counts[kind] / total
        if width:
            parts.append(f'<rect class="bar-{kind}" x="{left:.1f}" y="1" width="{width:.1f}" height="14"/>')
        left += width
    said = ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS)
    label = escape(f"{name}: {said}", quote=True)
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} 16" preserveAspectRatio="none">'
        f"{''.join(parts)}</svg>"
    )


def _controls(audit: Audit) -> str:
    open_on = [frozenset(surface.surface for surface in open_surfaces(one)) for one in audit.endpoints]
    rows = [
        [
            f'<a href="{escape(control.source, quote=True)}">{escape(control.name)}</a>',
            escape(control.says),
            str(sum(bool(control.surfaces & surfaces) for surfaces in open_on)),
        ]
        for control in CONTROLS
    ]
    head = ("Control", "What it asks", "Open endpoints")
    return f"<section><h2>Controls</h2>{table_of(head, rows, classes='stacks')}</section>"


def _findings(audit: Audit, found: Iterable[AuditedEndpoint]) -> str:
    head = ("Endpoint", "Verdict", "Surfaces", "Runs on", "Age", "Owner", "Config", "Known")
    rows = [
        [
            f"<b>{escape(one.name)}</b><br>{escape(one.region)}, {escape(one.status)}",
            f'<span class="{_kind(one)}">{escape(one.verdict)}</span>',
            _list(surface_words(surface) for surface in one.config.surfaces),
            escape(", ".join(one.config.instance_types)),
            age(one.created_at, audit.made_at),
            _list(f"{key}={value}" for key, value in owners(one).items()),
            escape(one.config.name) + _shared(audit, one),
            _list(part for part in (one.exemption, remediation_words(audit, one)) if part),
        ]
        for one in found
    ]
    return table_of(head, rows, classes="stacks findings open-first")


def _encrypted(audit: Audit, found: Sequence[AuditedEndpoint]) -> str:
    head = ("Endpoint", "Region", "Config", "Surfaces", "Remediation")
    rows = (
        (
            one.name,
            one.region,
            one.config.name,
            "; ".join(surface_words(surface) for surface in one.config.surfaces),
            remediation_words(audit, one),
        )
        for one in found
    )
    return table(head, rows, classes="stacks findings")


def _shared(audit: Audit, one: AuditedEndpoint) -> str:
    others = [name for name in audit.shared.get((one.region, one.config.name), ()) if name != one.name]
    if not others:
        return ""
    more = len(others) - _SHARING_SHOWN
    named = ", ".join(others[:_SHARING_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"<br>shared with {escape(named)}"


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""
