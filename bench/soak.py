"""A short soak for docs/benchmarks.md: `make bench-soak`. `make soak` runs for as long as asked."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.page import rewrite
from tests.conftest import SPECIAL_SETTINGS, synthesized
from tests.workflow.soak import Result, report, soaked

_SEED = 2026
_DEEDS = 60  # a minute or two


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sealpoint-soak-") as folder:
        result = soaked(synthesized(Path(folder) / "cdk.out", **SPECIAL_SETTINGS), _SEED, deeds=_DEEDS)
    print(report(result))
    rewrite("soak", _section(result))
    if result.problems:
        sys.exit(1)


def _section(result: Result) -> str:
    return f"""\
`make bench-soak`, with the seed {result.seed}; each soak of `make soak` has more deeds, and it goes on with
other seeds for `SOAK_MINUTES`.

| | |
|---|--:|
| endpoints | {result.endpoints} |
| simulated days | {result.days:.0f} |
| deeds | {result.deeds.total()} |
| remediations and backouts | {result.outcomes.total()} |
| **problems at the end** | **{len(result.problems)}** |

| what happened | times |
|---|--:|
{_rows(result.deeds)}

| how remediations and backouts ended | times |
|---|--:|
{_rows(result.outcomes)}
"""


def _rows(counts: Counter[str]) -> str:
    return "\n".join(f"| {name} | {count} |" for name, count in counts.most_common())


if __name__ == "__main__":
    main()
