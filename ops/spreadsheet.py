"""CSV that is opened in a spreadsheet."""

from __future__ import annotations

# What a spreadsheet would run as a formula instead of showing it (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """A cell that is shown as it is."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
