"""What the pages say that can be checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops import remediate
from ops.audit import run as audit
from ops.cli import main
from ops.doctor import run as doctor

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("https://"):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_readmes_cost_table_is_the_measured_one() -> None:
    shown = README.split("<!-- cost -->\n")[1].split("\n<!-- /cost -->")[0]
    assert shown.count("\n") > 3
    assert shown in (ROOT / "docs/cost.md").read_text()


def test_the_readme_names_the_permissions_that_doctor_needs() -> None:
    assert all(f"`{permission}`" in README for permission in doctor.PERMISSIONS)


@pytest.mark.parametrize("permission", sorted({*audit.PERMISSIONS, *remediate.PERMISSIONS}))
def test_the_readme_names_what_audit_and_remediate_need(permission: str) -> None:
    assert f"`{permission}`" in README


def test_the_readme_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    commands = re.findall(r"^│ (\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert len(commands) > 5
    assert all(re.search(rf"-m ops (\w+`, `)?{command}\b|`{command} ID", README) for command in commands), (
        commands
    )


def test_every_make_target_that_the_pages_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for named in re.findall(r"`make ([a-z-]+)`", page.read_text()):
            assert named in targets, f"{page.name}: make {named}"
