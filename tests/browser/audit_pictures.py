"""Takes the pictures of `ops audit`'s report, light, dark, on a phone and in print: `make pictures`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

from lambdas.domain.sweep.audit import AuditedEndpoint
from lambdas.domain.vocabulary import Surface, Verdict
from ops.audit.report import as_report
from ops.audit.result import Audit, LatestRemediation, Problem
from tests.browser import chromium
from tests.conftest import ROOT
from tests.unit import samples

_FOLDER = ROOT / "docs/audit"
_OPEN = "no KMS key"
# what a page is seen on: its width, its colours and its medium
_VIEWS: Mapping[str, tuple[int, Literal["light", "dark"], Literal["screen", "print"]]] = {
    "light": (1100, "light", "screen"),
    "dark": (1100, "dark", "screen"),
    "phone": (360, "light", "screen"),
    "print": (794, "light", "print"),
}


def main() -> None:
    path = chromium.find()
    if path is None:
        sys.exit("There is no Chromium on this machine: `make test` says how to get one.")
    _FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as made:
        page_file = Path(made) / "audit.html"
        page_file.write_text(as_report(sample()))
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        for name, (width, scheme, medium) in _VIEWS.items():
            page = browser.new_page(viewport={"width": width, "height": 1400}, device_scale_factor=1)
            page.emulate_media(color_scheme=scheme, media=medium)
            page.goto(page_file.as_uri())
            page.screenshot(path=_FOLDER / f"{name}.png")
        browser.close()


def sample() -> Audit:
    """Forty endpoints of three regions, one of which could not be listed."""
    endpoints = [_endpoint(number) for number in range(40)]
    return samples.audit(
        *endpoints,
        regions=("us-east-1", "eu-west-1", "me-south-1"),
        remediations={
            ("us-east-1", "patient-risk-0"): LatestRemediation("r-0", "2026-11-23T09:00:00Z", ""),
            ("eu-west-1", "patient-risk-5"): LatestRemediation("r-5", "2026-11-20T09:00:00Z", "DENIED"),
        },
        problems=[
            Problem(
                "me-south-1",
                "the list of endpoints",
                "SageMaker refused ListEndpoints: AccessDeniedException: User: "
                "arn:aws:iam::123456789012:user/ana is not authorized to perform: sagemaker:ListEndpoints",
            )
        ],
    )


def _endpoint(number: int) -> AuditedEndpoint:
    problems = {Surface.INSTANCE_VOLUME: _OPEN if number % 5 == 0 else ""}
    if number % 4 == 0:
        problems[Surface.DATA_CAPTURE] = _OPEN if number % 8 else ""
    if number % 7 == 0:
        problems[Surface.ASYNC_OUTPUT] = ""
    exempt = {"verdict": Verdict.EXEMPT, "exemption": "Exempt until 2027-01-01: synthetic data."}
    return samples.audited(
        f"patient-risk-{number}",
        region="eu-west-1" if number % 3 == 2 else "us-east-1",
        config="patient-risk-shared" if number in (10, 15) else "",
        problems=problems,
        **exempt if number in (20, 25) else {},
    )


if __name__ == "__main__":
    main()
