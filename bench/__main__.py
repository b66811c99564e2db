"""Every measurement, and docs/benchmarks.md: `make bench`.

What measures time runs alone; only the cold start, which compares, runs beside the audit under AWS's quotas,
which waits most of the time.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from bench import machine, page

_MOST_SECONDS = 750
_console = Console(highlight=False)

# a burst of 1,000 takes by itself most of the time that there is for all: `make bench-thousand`
_COLD, _BURST, _ASSET, _COST, _SOAK = (
    ("cold_start",),
    ("burst",),
    ("asset",),
    ("cost",),
    ("soak",),
)
_LIFTED, _QUOTAS = ("audit", "lifted"), ("audit", "quotas")

# One group after the other; in a group, the lanes are side by side.
_GROUPS: Sequence[Sequence[Sequence[tuple[str, ...]]]] = (
    [[_COLD], [_QUOTAS]],
    [[_LIFTED]],
    [[_ASSET, _SOAK], [_COST], [_BURST]],
)
_ORDER = """\
`make bench` ran, one after the other, the cold start, and beside it the audit under quotas, which mostly
waits; the audit without quotas, alone; and side by side what only counts: asset and soak, calls and
transitions, bursts. A burst of 1,000 is `make bench-thousand`'s."""


def main() -> int:
    page.rewrite("machine", f"{machine.described()}\n\n{_ORDER}")
    with ThreadPoolExecutor() as pool:
        done = [ok for lanes in _GROUPS for lane in list(pool.map(_one_by_one, lanes)) for ok in lane]
    return 0 if all(done) else 1


def _one_by_one(lane: Sequence[tuple[str, ...]]) -> list[bool]:
    return [_run(*program) for program in lane]


def _run(name: str, *arguments: str) -> bool:
    """Run a program; whether it did what it should."""
    said, module = " ".join([name, *arguments]), f"bench.{name}"
    if importlib.util.find_spec(module) is None:
        _console.print(f"[yellow]–[/] {said}: not there, so its section stays as it was")
        return False
    began = time.monotonic()
    command = [sys.executable, "-m", module, *arguments]
    try:
        # our own programs
        ran = subprocess.run(  # noqa: S603
            command, check=False, capture_output=True, text=True, timeout=_MOST_SECONDS
        )
    except subprocess.TimeoutExpired:
        _console.print(f"[red]✗[/] {said}: not done in {_MOST_SECONDS} s")
        return False
    ok = ran.returncode == 0
    _console.print(f"{'[green]✓[/]' if ok else '[red]✗[/]'} {said}: {time.monotonic() - began:.0f} s")
    if not ok:
        _console.print(ran.stderr or ran.stdout, markup=False)
    return ok


if __name__ == "__main__":
    sys.exit(main())
