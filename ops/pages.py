"""HTML pages to print or to file. Each needs no other file."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lambdas.domain.plain_text import cleaned


def _plain(value: Any) -> Any:
    """What a page shows of a value: reports quote reasons and tags as they are on record."""
    return cleaned(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_TEMPLATES = Environment(
    loader=PackageLoader("ops"),
    autoescape=True,
    finalize=_plain,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **context: Any) -> str:
    """A page from one of the templates of this package."""
    return _TEMPLATES.get_template(template).render(**context)
