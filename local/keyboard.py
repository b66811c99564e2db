"""Enter, where there is a terminal, and the patience of a demo that clicks for people who don't."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
from typing import TYPE_CHECKING, Self

from local.slack import SlackStandIn

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE_SECONDS = 30


class Keyboard:
    """The terminal's keyboard. As a context manager it keeps what is typed from being shown.

    Parameters
    ----------
    used
        False where nobody is to be asked anything, whether or not there is a terminal.
    """

    def __init__(self, *, used: bool = True) -> None:
        self.is_there = used and sys.stdin.isatty() and sys.stdout.isatty()

    def __enter__(self) -> Self:
        if self.is_there:
            self._before = termios.tcgetattr(sys.stdin)
            quiet = termios.tcgetattr(sys.stdin)
            quiet[3] &= ~termios.ECHO
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, quiet)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_there:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def entered(self, seconds: float = 0.0) -> bool:
        """Whether Enter (or Ctrl-D) was pressed, or is within `seconds`. False at once without a terminal."""
        if not self.is_there or not select.select([sys.stdin], [], [], seconds)[0]:
            return False
        os.read(sys.stdin.fileno(), 4096)  # the terminal hands over whole lines
        return True


class Patience:
    """How long a demo leaves people to decide on the page.

    At a terminal the time begins when the page is first seen; elsewhere at once, as nobody may come. Whatever
    someone does on the page begins it again, and it stands still in an open dialog.
    """

    def __init__(self, slack: SlackStandIn, keyboard: Keyboard) -> None:
        self._slack = slack
        self._keyboard = keyboard
        self._began = time.monotonic()
        self.was_entered = False

    def is_over(self) -> bool:
        if self._keyboard.entered():
            self.was_entered = True
            return True
        idle = self._slack.attention.idle_seconds
        if idle is None and not self._keyboard.is_there:
            idle = time.monotonic() - self._began
        return idle is not None and idle >= PATIENCE_SECONDS

    @property
    def reason(self) -> str:
        """Why the demo clicks, to be said before who clicks what."""
        return "Enter" if self.was_entered else f"No click in {PATIENCE_SECONDS} s"
