"""Whether someone looks at the page, and when they last did something there, in real time."""

from __future__ import annotations

import time

_GONE_AFTER_SECONDS = 60.0  # an open page asks for changes every 20 s at least


class Attention:
    """What the page says of the person before it."""

    def __init__(self) -> None:
        self._seen = 0.0
        self._acted: float | None = None
        self._in_dialog = False
        self._at = 0

    def see(self) -> None:
        """The page asks for changes: it is open."""
        self._seen = time.monotonic()
        if self._acted is None:
            self._acted = self._seen

    def act(self, *, in_dialog: bool, at: int) -> None:
        """Someone used the page.

        Parameters
        ----------
        in_dialog
            Whether a dialog or a modal is open now.
        at
            When, by the page's clock, in milliseconds: of two reports the later one may come first.
        """
        self.see()
        self._acted = self._seen
        if at >= self._at:
            self._at, self._in_dialog = at, in_dialog

    @property
    def idle_seconds(self) -> float | None:
        """How long nobody has done anything on the page; 0 in an open dialog, None before the first view."""
        if self._acted is None:
            return None
        now = time.monotonic()
        if self._in_dialog and now - self._seen < _GONE_AFTER_SECONDS:
            return 0.0
        return now - self._acted
