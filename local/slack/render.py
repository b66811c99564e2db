"""Blocks as HTML. Every text goes through `mrkdwn`, every attribute through `_attributes`."""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.slack import inputs, mrkdwn
from local.slack.mrkdwn import Names

Json = dict[str, Any]

_INPUT_TYPES = {"plain_text_input": "text", "datepicker": "date", "timepicker": "time"}


class Renderer:
    """Renders the blocks of one message or view.

    Parameters
    ----------
    prefix
        Unique on the page: the ids of form controls begin with it.
    """

    def __init__(self, names: Names, prefix: str) -> None:
        self._names = names
        self._ids: Iterator[str] = (f"{prefix}-{number}" for number in itertools.count())
        self._blocks: Mapping[str, Callable[[Json], str]] = {
            "section": self._section,
            "header": self._header,
            "divider": lambda _block: "<hr>",
            "context": self._context,
            "actions": self._actions,
            "input": self._input,
        }
        self._elements: Mapping[str, Callable[[Json, Json], str]] = {
            "button": self._button,
            "static_select": self._select,
            "multi_static_select": self._select,
            "overflow": self._select,
            **dict.fromkeys(_INPUT_TYPES, self._text_input),
        }

    def message(self, text: str, blocks: list[Json]) -> str:
        """A message: its blocks, or its text where it has none."""
        return (
            self.blocks(blocks) if blocks else f'<div class="text">{mrkdwn.mrkdwn(text, self._names)}</div>'
        )

    def blocks(self, blocks: list[Json]) -> str:
        """Blocks in order."""
        return "".join(self._block(block) for block in blocks)

    def text(self, text: Json) -> str:
        """A text object."""
        if text["type"] == "mrkdwn":
            return mrkdwn.mrkdwn(text["text"], self._names)
        return mrkdwn.plain_text(text["text"], emoji=text.get("emoji", True))

    # -- blocks

    def _block(self, block: Json) -> str:
        kind = block["type"]
        attributes = _attributes(class_=f"block block-{kind}", data_block=block["block_id"])
        return f"<div{attributes}>{self._blocks[kind](block)}</div>"

    def _section(self, block: Json) -> str:
        rendered = f'<div class="text">{self.text(block["text"])}</div>' if "text" in block else ""
        if "fields" in block:
            fields = "".join(f'<div class="field">{self.text(field)}</div>' for field in block["fields"])
            rendered += f'<div class="fields">{fields}</div>'
        return rendered

    def _header(self, block: Json) -> str:
        return f"<h3>{self.text(block['text'])}</h3>"

    def _context(self, block: Json) -> str:
        return "".join(f"<span>{self.text(element)}</span>" for element in block["elements"])

    def _actions(self, block: Json) -> str:
        return "".join(self._element(block, element) for element in block["elements"])

    def _input(self, block: Json) -> str:
        label = self.text(block["label"])
        if block.get("optional"):
            label += ' <span class="optional">(optional)</span>'
        element = block["element"]
        hint = f'<p class="hint">{self.text(block["hint"])}</p>' if "hint" in block else ""
        control_id = next(self._ids)
        control = self._elements[element["type"]](block, {**element, "_id": control_id})
        return f"<label{_attributes(for_=control_id)}>{label}</label>{control}{hint}"

    # -- elements

    def _element(self, block: Json, element: Json) -> str:
        return f'<div class="element">{self._elements[element["type"]](block, element)}</div>'

    def _hooks(self, block: Json, element: Json) -> dict[str, str | None]:
        """The attributes by which the page's script knows an element."""
        return {
            "data_kind": element["type"],
            "data_block_id": block["block_id"],
            "data_action_id": element["action_id"],
            "data_sends": None if block["type"] == "input" else "",
            "data_confirm": self._confirm(element["confirm"]) if "confirm" in element else None,
        }

    def _confirm(self, confirm: Json) -> str:
        """A confirm dialog's parts as HTML, in JSON."""
        parts = {name: self.text(confirm[name]) for name in ("title", "text", "confirm", "deny")}
        return json.dumps({**parts, "style": confirm.get("style", "primary")})

    def _button(self, block: Json, element: Json) -> str:
        style = f" button-{element['style']}" if "style" in element else ""
        attributes = _attributes(
            type="button",
            class_=f"button{style}",
            data_url=element.get("url"),
            aria_label=element.get("accessibility_label"),
            **self._hooks(block, element),
        )
        return f"<button{attributes}>{self.text(element['text'])}</button>"

    def _select(self, block: Json, element: Json) -> str:
        several = element["type"] == "multi_static_select"
        chosen = inputs.initial(element)
        placeholder = self._placeholder(element)
        options = "" if several else f'<option value="">{placeholder}</option>'
        options += "".join(
            _option(option["value"], mrkdwn.without_images(self.text(option["text"])), chosen)
            for option in element["options"]
        )
        attributes = _attributes(
            id=element.get("_id"),
            aria_label=None if "_id" in element else html.unescape(placeholder),
            multiple="" if several else None,
            class_="overflow" if element["type"] == "overflow" else None,
            **self._hooks(block, element),
        )
        return f"<select{attributes}>{options}</select>"

    def _placeholder(self, element: Json) -> str:
        if element["type"] == "overflow":
            return "⋯"
        return html.escape(element.get("placeholder", {}).get("text", "Select an option"))

    def _text_input(self, block: Json, element: Json) -> str:
        value = inputs.initial(element)
        text = value if isinstance(value, str) else ""
        shared = _attributes(
            id=element.get("_id"),
            aria_label=None if "_id" in element else "Date" if element["type"] == "datepicker" else "Time",
            placeholder=element.get("placeholder", {}).get("text"),
            minlength=_number(element.get("min_length")),
            maxlength=_number(element.get("max_length")),
            autofocus="" if element.get("focus_on_load") else None,
            **self._hooks(block, element),
        )
        if element.get("multiline"):
            # a line break right after the tag is not part of the value
            return f'<textarea rows="4"{shared}>\n{html.escape(text)}</textarea>'
        return f"<input{_attributes(type=_INPUT_TYPES[element['type']], value=text)}{shared}>"


def _option(value: str, label: str, chosen: inputs.Chosen) -> str:
    attributes = _attributes(value=value, selected=_if_chosen(value, chosen))
    return f"<option{attributes}>{label}</option>"


def _if_chosen(value: str, chosen: inputs.Chosen) -> str | None:
    return "" if value == chosen or (isinstance(chosen, list) and value in chosen) else None


def _number(number: int | None) -> str | None:
    return None if number is None else str(number)


def _attributes(**values: str | None) -> str:
    """HTML attributes, each with a space before it; those that are None are left out."""
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in values.items()
        if value is not None
    )
