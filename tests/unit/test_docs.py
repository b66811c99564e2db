"""What the pages say that can be checked."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from ops import remediate
from ops.audit import run as audit
from ops.cli import main
from ops.doctor import run as doctor

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
README = (ROOT / "README.md").read_text()
FACTS = DOCS / "facts.md"
_CODE = ("lambdas", "stacks", "ops", "local", "bench", "tests")
_OUTSIDE = ("https://", "http://")


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith(_OUTSIDE):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        assert not anchor or anchor in headings(there), target
    addresses = set(re.findall(r"^\[([^\]]+)\]: https://", prose, re.MULTILINE))
    assert set(re.findall(r"\]\[([^\]]+)\]", prose)) <= addresses
    if page == FACTS:  # `[label]` alone is a link, too, and the marks aren't
        named = set(re.findall(r"\[([^\[\]]+)\](?![(:\[])", prose)) - set("RPDIU")
        assert named <= addresses


def test_the_facts_that_code_cites_are_there() -> None:
    known = headings(FACTS)
    for path in [*(path for folder in _CODE for path in (ROOT / folder).rglob("*.py")), *PAGES]:
        for anchor in re.findall(r"facts\.md#([\w-]+)", path.read_text()):
            assert anchor in known, f"{path.relative_to(ROOT)}: docs/facts.md#{anchor}"


def test_every_page_can_be_found_from_the_readme() -> None:
    found, new = set[Path](), {ROOT / "README.md"}
    while new:
        found |= new
        links = {
            (page.parent / target).resolve()
            for page in new
            for target in re.findall(r"\]\(([^)\s#]+\.md)", page.read_text())
            if not target.startswith(_OUTSIDE)
        }
        new = {link for link in links if link.exists()} - found
    assert set(PAGES) <= found


def test_the_readme_is_short() -> None:
    assert README.count("\n") <= 150


def test_the_readmes_costs_are_the_measured_ones() -> None:
    idle, _, shown = README.split("<!-- cost -->\n")[1].split("\n<!-- /cost -->")[0].partition("\n\n")
    assert shown.count("\n") > 3
    cost = (DOCS / "cost.md").read_text()
    assert shown in cost
    dollars = re.findall(r"\$\d+\.\d\d", idle)
    assert len(dollars) == 3
    assert all(amount in cost for amount in dollars)


@pytest.mark.parametrize("permission", sorted({*doctor.PERMISSIONS, *remediate.PERMISSIONS}))
def test_operating_names_what_doctor_and_remediate_need(permission: str) -> None:
    assert f"`{permission}`" in (DOCS / "operating.md").read_text()


@pytest.mark.parametrize("permission", sorted(audit.PERMISSIONS))
def test_the_audits_page_names_what_it_needs(permission: str) -> None:
    assert f"`{permission}`" in (DOCS / "audit.md").read_text()


def test_operating_names_every_command_and_no_page_another(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(SystemExit):
        main(["--help"])
    commands = set(re.findall(r"^│ ([a-z]+) ", capsys.readouterr().out, re.MULTILINE))
    assert len(commands) > 5
    named = {page: re.findall(r"(?:`|^)sealpoint ([a-z]+)", page.read_text(), re.MULTILINE) for page in PAGES}
    assert set(named[DOCS / "operating.md"]) == commands
    for page, words in named.items():
        assert set(words) <= commands, page.name


def test_no_page_names_the_command_line_otherwise() -> None:
    for page in PAGES:
        written = re.sub(r"<!-- ([a-z-]+) -->.*?<!-- /\1 -->", "", page.read_text(), flags=re.DOTALL)
        assert re.findall(r"-m ops\b|`ops [a-z]+", written) == [], page.name


def test_the_words_of_the_logs_that_the_runbook_names_are_in_the_code() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "lambdas").rglob("*.py"))
    for page in (DOCS / "runbook").glob("*.md"):
        for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", page.read_text()):
            assert word in code, f"{page.name}: {word}"


def test_every_make_target_that_the_pages_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for named in re.findall(r"`make ([a-z-]+)`", page.read_text()):
            assert named in targets, f"{page.name}: make {named}"


def test_every_path_that_a_decision_names_exists() -> None:
    for page in (DOCS / "decisions").glob("*.md"):
        for path in re.findall(rf"`((?:{'|'.join(_CODE)})/[\w./*-]+)`", page.read_text()):
            assert list(ROOT.glob(path.rstrip("/"))), f"{page.name}: {path}"
