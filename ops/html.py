"""Pages to print or to file: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files


def page(title: str, where: Sequence[str], body: str, *, styles: Sequence[str] = ("report.css",)) -> str:
    """A whole page.

    Parameters
    ----------
    where
        Lines of text under the title.
    body
        HTML.
    styles
        Stylesheets of this package.
    """
    style = "".join(files("ops").joinpath(name).read_text() for name in styles)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f'<p class="where">{"<br>".join(escape(line) for line in where)}</p>\n{body}\n</body>\n</html>\n'
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, classes: str = "") -> str:
    """A table of texts; each cell knows its column's name, for narrow screens."""
    return table_of(head, ([escape(cell) for cell in row] for row in rows), classes=classes)


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]], *, classes: str = "") -> str:
    """A table of HTML."""
    labels = [escape(name, quote=True) for name in head]
    top = "".join(f"<th>{label}</th>" for label in labels)
    body = "".join(
        "<tr>"
        + "".join(f'<td data-label="{label}">{cell}</td>' for label, cell in zip(labels, row, strict=True))
        + "</tr>"
        for row in rows
    )
    attribute = f' class="{classes}"' if classes else ""
    return f"<table{attribute}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
