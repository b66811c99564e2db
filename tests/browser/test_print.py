"""The pages to print, through Chromium's own print: how long they are, and that every text has its room."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.browser import printed

_CSS_PX_PER_MM = 96 / 25.4
# the width of the paper without the page's margins, in millimetres
_PAPERS = {"A4": 210 - 24, "Letter": 215.9 - 24}
# Text that another cell would cover, or that leaves the paper, and columns too narrow for a word.
_FAULTS = """() => {
  const faults = [], width = document.documentElement.clientWidth;
  const fault = (what, cell) => faults.push(what + ': ' + cell.textContent.trim().slice(0, 60));
  for (const cell of document.querySelectorAll('td, th, dd, dt, h1, h2, pre, p')) {
    if (!cell.getClientRects().length) continue;
    const box = cell.getBoundingClientRect();
    if (cell.scrollWidth > cell.clientWidth + 1) fault('overflows', cell);
    if (box.right > width + 1) fault('leaves the paper', cell);
    if (cell.textContent.trim().length > 3 && box.width < 24) fault('squeezed', cell);
  }
  const inside = cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getBoundingClientRect();
  };
  for (const row of document.querySelectorAll('tr')) {
    const texts = [...row.cells].map(inside);
    texts.slice(1).forEach((text, at) => {
      if (text.width && texts[at].right > text.left + 1) fault('overlaps', row.cells[at]);
    });
  }
  return faults;
}"""


def _pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("paper", _PAPERS)
@pytest.mark.parametrize(
    ("report", "most_pages"), [(printed.audit, 2), (printed.history, 4)], ids=["audit", "history"]
)
def test_a_report_prints_as_designed(
    browser: Browser, report: Callable[[], str], most_pages: int, paper: str
) -> None:
    """Eleven endpoints, or eight remediations before the appendix."""
    width = round(_PAPERS[paper] * _CSS_PX_PER_MM)
    page = browser.new_page(viewport={"width": width, "height": 1000})
    page.set_content(report())
    page.emulate_media(media="print")
    assert page.evaluate(_FAULTS) == []
    # the widest font that may be there
    page.add_style_tag(content="body { font-family: 'DejaVu Sans', Verdana, sans-serif !important; }")
    assert page.evaluate(_FAULTS) == []
    page.evaluate("document.querySelector('.appendix')?.remove()")
    pdf = page.pdf(format=paper)
    page.close()
    assert 1 <= _pages(pdf) <= most_pages


def test_the_check_sees_text_that_has_no_room(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 700, "height": 1000})
    page.set_content(
        "<table style='table-layout: fixed; width: 200px'><tr>"
        "<td style='width: 10px'>UNENCRYPTED</td><td>next</td></tr></table>"
    )
    faults = page.evaluate(_FAULTS)
    page.close()
    assert {fault.partition(":")[0] for fault in faults} == {"overflows", "squeezed", "overlaps"}
