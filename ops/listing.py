"""Lists that read well at any width: a table if it fits, or else two lines for each entry. Nothing is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_ANY_WIDTH = 10_000
_LAST_COLUMN = 28  # characters that a table's last column, which may be long, has at least


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading in the table, and what introduces its cell where there is no heading."""

    heading: str
    introduction: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of cells, in rich's markup; several lines in one cell are separated by line breaks.

    Attributes
    ----------
    first
        How many columns stand on an entry's first line if the table doesn't fit.
    last_wraps
        Whether the last column is prose, which a table may wrap.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    first: int
    last_wraps: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        least = self._table(last_at_most=_LAST_COLUMN)
        needed = Measurement.get(console, options.update(max_width=_ANY_WIDTH), least).maximum
        if needed <= options.max_width:
            yield self._table()
            return
        for row in self.rows:
            head = "  ".join(cell for cell in row[: self.first] if cell)
            rest = zip(self.columns[self.first :], row[self.first :], strict=True)
            body = " · ".join(
                f"{column.introduction} {cell}".strip().replace("\n", "; ") for column, cell in rest if cell
            )
            yield Text.from_markup(head, overflow="fold")
            if body:
                yield Padding(Text.from_markup(body, overflow="fold"), (0, 0, 0, 4), expand=False)

    def _table(self, *, last_at_most: int | None = None) -> Table:
        """The table, without the columns in which nothing would be. Only the last one may wrap."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        used = [at for at in range(len(self.columns)) if any(row[at] for row in self.rows)]
        for at in used:
            wraps = self.last_wraps and at == used[-1]
            width = last_at_most if wraps else None
            table.add_column(self.columns[at].heading, no_wrap=not wraps, max_width=width, overflow="fold")
        for row in self.rows:
            table.add_row(*(row[at] for at in used))
        return table
