from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.domain.sweep.audit import AuditedEndpoint, worst_first
from lambdas.domain.vocabulary import Surface, Verdict
from ops.audit import formats
from ops.audit.controls import CONTROLS
from ops.audit.report import as_report, counts_by_region, counts_by_surface, share
from ops.audit.result import Audit, LatestRemediation, Problem
from ops.spreadsheet import table
from tests.unit import samples

_OPEN = {Surface.INSTANCE_VOLUME: "no KMS key"}
_Attributes = list[tuple[str, str | None]]
_VOID = {"meta", "br", "rect"}


class Page(HTMLParser):
    """Checks that what is opened is closed, and keeps the texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: Counter[str] = Counter()
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: _Attributes) -> None:  # noqa: ARG002  # as called
        self.tags[tag] += 1
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: _Attributes) -> None:  # noqa: ARG002
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


@st.composite
def _endpoints(draw: st.DrawFn) -> AuditedEndpoint:
    surfaces = draw(st.sets(st.sampled_from([*Surface][1:]), max_size=2)) | {Surface.INSTANCE_VOLUME}
    problems = {surface: draw(st.sampled_from(["", "no KMS key"])) for surface in surfaces}
    text = st.text(alphabet="<>&\"'abc=", min_size=1, max_size=12)
    one = samples.audited(
        draw(text),
        region=draw(st.sampled_from(["us-east-1", "eu-west-1"])),
        problems=problems,
        tags=draw(st.none() | st.dictionaries(text.map("team".__add__), text, max_size=2)),
    )
    is_exempt = one.verdict is Verdict.UNENCRYPTED and draw(st.booleans())
    changes = {"verdict": Verdict.EXEMPT, "exemption": draw(text)} if is_exempt else {}
    return samples.audited(one.name, region=one.region, problems=problems, tags=one.tags, **changes)


@settings(deadline=None, max_examples=60)
@given(st.lists(_endpoints(), max_size=8))
def test_the_picture_counts_every_endpoint_once_and_the_page_is_whole(found: list[AuditedEndpoint]) -> None:
    audit = samples.audit(*found)
    by_region = counts_by_region(audit)
    assert sum(by_region.values(), Counter()).total() == len(found)
    for region, counts in by_region.items():
        verdicts = Counter(one.verdict for one in found if one.region == region)
        assert (counts["encrypted"], counts["exempt"], counts["open"]) == (
            verdicts[Verdict.ENCRYPTED], verdicts[Verdict.EXEMPT], verdicts[Verdict.UNENCRYPTED],
        )  # fmt: skip
    for surface, counts in counts_by_surface(audit).items():
        having = [one for one in found if surface in {key.surface for key in one.config.surfaces}]
        assert counts.total() == len(having)
    page = Page(as_report(audit))
    assert "script" not in page.tags
    for one in found:
        assert one.name in page.text


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_a_share_is_never_rounded_up_to_all(part: int, more: int) -> None:
    whole = part + more
    shown = share(part, whole)
    assert (shown == "100 %") == (whole > 0 and more == 0)
    assert (shown == "–") == (whole == 0)


def test_what_was_not_checked_is_named_first() -> None:
    problem = Problem("eu-west-1", "the list of endpoints", "<no> access")
    page = Page(as_report(samples.audit(samples.audited(problems=_OPEN), problems=[problem])))
    text = page.text
    assert text.index("This audit is incomplete") < text.index("<no> access") < text.index("0 %")
    assert "not checked" in text
    assert "incomplete" not in Page(as_report(samples.audit(samples.audited()))).text


def test_a_control_counts_the_open_surfaces_that_it_is_about() -> None:
    capture = samples.audited("a", problems={Surface.INSTANCE_VOLUME: "", Surface.DATA_CAPTURE: "no KMS key"})
    exempt = samples.audited("b", problems=_OPEN, verdict=Verdict.EXEMPT)
    page = as_report(samples.audit(capture, exempt, samples.audited("c", problems=_OPEN)))
    for control, count in zip(CONTROLS, (1, 2, 2), strict=True):
        row = next(row for row in page.split("<tr>") if control.name in row)
        assert control.source in row
        assert f">{count}</td>" in row


def test_no_endpoints_at_all_is_a_page_too() -> None:
    text = Page(as_report(samples.audit())).text
    assert "No endpoint was found." in text
    assert "%" not in text


def test_a_page_of_many_endpoints_stays_small() -> None:
    many = [samples.audited(f"e-{n}", problems=_OPEN if n % 3 == 0 else None) for n in range(3000)]
    assert len(as_report(samples.audit(*many))) < 2_000_000


def test_the_worst_come_first() -> None:
    two = samples.audited("two", problems={**_OPEN, Surface.DATA_CAPTURE: "no KMS key"})
    one, none = samples.audited("one", problems=_OPEN), samples.audited("none")
    exempt = samples.audited("exempt", problems=_OPEN, verdict=Verdict.EXEMPT)
    assert [found.name for found in worst_first([none, exempt, one, two])] == ["two", "one", "exempt", "none"]


@pytest.fixture
def audit() -> Audit:
    shared = [samples.audited(name, config="shared", problems=_OPEN) for name in ("a", "b")]
    latest = LatestRemediation("r-1", "2026-11-20T09:00:00Z", "")
    return samples.audit(*shared, remediations={("us-east-1", "a"): latest})


def test_every_format_tells_of_shared_configs_and_open_remediations(audit: Audit) -> None:
    [first, _] = json.loads(formats.as_json(audit))["endpoints"]
    assert (first["sharesConfigWith"], first["remediation"]["id"]) == (["b"], "r-1")
    assert '"a","UNENCRYPTED"' in formats.as_csv(audit)
    page = Page(as_report(audit)).text
    assert "shared with b" in page
    assert "open (2026-11-20)" in page


def test_a_cell_that_a_spreadsheet_would_run_is_shown_instead() -> None:
    audit = samples.audit(samples.audited("=cmd()", problems=_OPEN))
    assert "'=cmd()" in formats.as_csv(audit)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_spreadsheet_finds_a_formula_whatever_separates_its_cells(separator: str) -> None:
    """L3 of the review: "see ticket;=1+1;done" was a formula where the separator is a semicolon."""
    rows = [{"a": f"see ticket{separator}=1+1{separator}done", "b": "=2", "c": "x\n@sum\x1b[2J"}]
    text = table(("a", "b", "c"), rows)
    assert "\x1b" not in text
    cells = [cell.strip('"') for line in text.splitlines() for cell in line.split(separator)]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert text.splitlines()[0] == '"a","b","c"', "each cell is in quotes"


@pytest.mark.parametrize(("hours", "shown"), [(0, "0 h"), (23, "23 h"), (24, "1 d"), (1000, "41 d")])
def test_an_age_is_in_days(hours: int, shown: str) -> None:
    since = samples.MADE_AT - timedelta(hours=hours)
    assert formats.age(since, samples.MADE_AT) == shown
