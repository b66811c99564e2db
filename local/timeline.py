"""What an execution went through, as the demo shows it: each state with its times, and what people did."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from local.clock import Clock


@dataclass(slots=True)
class Row:
    """A state (or, with `entered` 0, a remark): when it first appeared, and how often it was entered."""

    text: str
    simulated: float
    real: float
    entered: int = 1


class Timeline:
    """Collects rows; safe to use from the thread that draws and the one that acts.

    Parameters
    ----------
    clock
        The simulated clock. Both clocks start with the first row.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started: tuple[float, float] | None = None
        self._states_shown = 0
        self._current = ""
        self._rows: list[Row] = []
        self._lock = threading.Lock()

    def remark(self, text: str) -> None:
        """Something that happened outside the workflow."""
        with self._lock:
            self._add(text, entered=0)

    def see(self, states: Sequence[str]) -> None:
        """The states entered so far, in order; the new ones are added now."""
        with self._lock:
            for state in states[self._states_shown :]:
                self._current = state
                known = next((row for row in self._rows if row.entered and row.text == state), None)
                if known:
                    known.entered += 1
                else:
                    self._add(state)
            self._states_shown = len(states)

    def table(self, *, running: bool) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("The workflow")
        table.add_column("its clock", justify="right")
        table.add_column("here", justify="right", style="dim")
        with self._lock:
            for row in self._rows:
                table.add_row(
                    self._label(row, running=running), f"{row.simulated / 60:,.1f} min", f"{row.real:.1f} s"
                )
        return table

    def _label(self, row: Row, *, running: bool) -> str:
        if not row.entered:
            return f"[dim]· {escape(row.text)}[/]"
        mark = "[yellow]▶[/]" if running and row.text == self._current else "[green]✓[/]"
        times = f" [dim]× {row.entered}[/]" if row.entered > 1 else ""
        return f"{mark} {escape(row.text)}{times}"

    def _add(self, text: str, entered: int = 1) -> None:
        now = self._clock.now(), time.monotonic()
        self._started = self._started or now
        simulated, real = (moment - start for moment, start in zip(now, self._started, strict=True))
        self._rows.append(Row(text, simulated, real, entered))
