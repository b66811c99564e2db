"""A live progress bar for each region."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bars:
    """The progress of the regions, shown only on a terminal."""

    def __init__(self, regions: Sequence[str], console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks = {region: self._progress.add_task(region, total=None) for region in regions}
        self._totals = dict.fromkeys(regions, 0)

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def listed(self, region: str, count: int) -> None:
        self._totals[region] += count
        self._progress.update(self._tasks[region], total=self._totals[region])

    def checked(self, region: str, count: int) -> None:
        self._progress.advance(self._tasks[region], count)

    def ended(self, region: str) -> None:
        self._progress.update(self._tasks[region], total=self._totals[region])
