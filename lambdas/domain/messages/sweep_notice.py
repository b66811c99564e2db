"""The notice in the channel when a sweep could not assess every endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.domain.messages import links
from lambdas.domain.messages.blocks import Message, clip, code, context, escape, header, section
from lambdas.domain.sweep.coverage import SweepResult

_PROBLEMS_SHOWN = 8


def incomplete(result: SweepResult, *, region: str, sweep_id: str, runbook_pages: str) -> Message:
    coverage = result.coverage
    missed = f"{coverage.missed} of {result.listed} endpoints could not be checked"
    what = "the sweep could not be completed" if result.error else missed
    if result.unasked and not coverage.missed and not result.error:
        what = f"nobody could be asked about {result.unasked.total()} endpoints"
    problems: Sequence[str] = [*([result.reason] if result.reason else []), *coverage.problems]
    shown = [f"• {escape(' '.join(problem.split()))}" for problem in problems[:_PROBLEMS_SHOWN]]
    if len(problems) > _PROBLEMS_SHOWN:
        shown.append("• and more, which the logs show")
    new = coverage.found.total()
    findings = "1 new finding" if new == 1 else f"{new} new findings"
    text = f"Sweep of {region} incomplete: {what}. {'; '.join(problems[:2])}"
    blocks = [
        header(":mag: Sweep incomplete"),
        section(f"*{escape(region)}*: {missed}. {coverage.assessed} checked, {findings}."),
        section("*Why*\n" + ("\n".join(shown) or "• no reason is known")),
        context(
            "They will be checked again in the next sweep. Run `sealpoint audit` to check now.",
            f"{links.runbook(runbook_pages, 'sweep-incomplete', needed=True)} · sweep {code(sweep_id)}",
        ),
    ]
    return {"text": clip(escape(text), 1000), "blocks": blocks}
