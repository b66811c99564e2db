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

_SAFE_IMAGE = ("https://", "http://", "data:image/")
_INPUT_TYPES = {
    "plain_text_input": "text",
    "email_text_input": "email",
    "url_text_input": "url",
    "number_input": "number",
    "datepicker": "date",
    "timepicker": "time",
}
_RICH_TAGS = {
    "bold": "strong",
    "italic": "em",
    "strike": "del",
    "underline": "u",
    "highlight": "mark",
    "code": "code",
}


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
            "image": self._image_block,
            "input": self._input,
            "rich_text": self._rich_text,
        }
        self._elements: Mapping[str, Callable[[Json, Json], str]] = {
            "button": self._button,
            "static_select": self._select,
            "multi_static_select": self._select,
            "users_select": self._select,
            "overflow": self._select,
            "radio_buttons": self._choices,
            "checkboxes": self._choices,
            "plain_text_input": self._text_input,
            **dict.fromkeys(_INPUT_TYPES.keys() - {"plain_text_input"}, self._text_input),
            "image": lambda _block, element: self._image(element),
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
        if "accessory" in block:
            accessory = self._element(block, block["accessory"])
            return f'<div class="body">{rendered}</div><div class="accessory">{accessory}</div>'
        return rendered

    def _header(self, block: Json) -> str:
        return f"<h3>{self.text(block['text'])}</h3>"

    def _context(self, block: Json) -> str:
        return "".join(
            self._image(element) if element["type"] == "image" else f"<span>{self.text(element)}</span>"
            for element in block["elements"]
        )

    def _actions(self, block: Json) -> str:
        return "".join(self._element(block, element) for element in block["elements"])

    def _image_block(self, block: Json) -> str:
        title = f'<div class="image-title">{self.text(block["title"])}</div>' if "title" in block else ""
        return title + self._image(block)

    def _image(self, image: Json) -> str:
        if not image["image_url"].startswith(_SAFE_IMAGE):
            return f"<span>{html.escape(image['alt_text'])}</span>"
        return f"<img{_attributes(src=image['image_url'], alt=image['alt_text'], loading='lazy')}>"

    def _input(self, block: Json) -> str:
        label = self.text(block["label"])
        if block.get("optional"):
            label += ' <span class="optional">(optional)</span>'
        element = block["element"]
        hint = f'<p class="hint">{self.text(block["hint"])}</p>' if "hint" in block else ""
        if element["type"] in {"radio_buttons", "checkboxes"}:
            inside = self._choices(block, element, legend=label)
            return f"{inside}{hint}"
        control_id = next(self._ids)
        control = self._elements[element["type"]](block, {**element, "_id": control_id})
        return f"<label{_attributes(for_=control_id)}>{label}</label>{control}{hint}"

    # -- elements

    def _element(self, block: Json, element: Json) -> str:
        return f'<div class="element">{self._elements[element["type"]](block, element)}</div>'

    def _hooks(self, block: Json, element: Json) -> dict[str, str | None]:
        """The attributes by which the page's script knows an element."""
        sends_actions = block["type"] != "input" or block.get("dispatch_action", False)
        return {
            "data_kind": element["type"],
            "data_block_id": block["block_id"],
            "data_action_id": element["action_id"],
            "data_sends": "" if sends_actions else None,
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
        if element["type"] == "users_select":
            users = [(user, html.escape(name)) for user, name in self._names.users.items()]
            options += "".join(_option(value, label, chosen) for value, label in users)
        for group in element.get("option_groups", []):
            label = html.escape(group["label"]["text"])
            options += f'<optgroup label="{label}">{self._options(group["options"], chosen)}</optgroup>'
        options += self._options(element.get("options", []), chosen)
        attributes = _attributes(
            id=element.get("_id"),
            aria_label=None if "_id" in element else html.unescape(placeholder),
            multiple="" if several else None,
            class_="overflow" if element["type"] == "overflow" else None,
            **self._hooks(block, element),
        )
        return f"<select{attributes}>{options}</select>"

    def _options(self, options: list[Json], chosen: inputs.Chosen) -> str:
        return "".join(_option(option["value"], self.text(option["text"]), chosen) for option in options)

    def _placeholder(self, element: Json) -> str:
        if element["type"] == "overflow":
            return "⋯"
        default = "Select a person" if element["type"] == "users_select" else "Select an option"
        return html.escape(element.get("placeholder", {}).get("text", default))

    def _choices(self, block: Json, element: Json, *, legend: str = "") -> str:
        chosen = inputs.initial(element)
        kind = "radio" if element["type"] == "radio_buttons" else "checkbox"
        group = next(self._ids)
        rendered = f"<legend>{legend}</legend>" if legend else ""
        for option in element["options"]:
            attributes = _attributes(
                type=kind, name=group, value=option["value"], checked=_if_chosen(option["value"], chosen)
            )
            note = f"<small>{self.text(option['description'])}</small>" if "description" in option else ""
            rendered += f"<label><input{attributes}><span>{self.text(option['text'])}{note}</span></label>"
        return f"<fieldset{_attributes(**self._hooks(block, element))}>{rendered}</fieldset>"

    def _text_input(self, block: Json, element: Json) -> str:
        value = inputs.initial(element)
        text = value if isinstance(value, str) else ""
        shared = _attributes(
            id=element.get("_id"),
            aria_label=None if "_id" in element else "Date" if element["type"] == "datepicker" else "Time",
            placeholder=element.get("placeholder", {}).get("text"),
            minlength=_number(element.get("min_length")),
            maxlength=_number(element.get("max_length")),
            min=element.get("min_value"),
            max=element.get("max_value"),
            step="any" if element.get("is_decimal_allowed") else None,
            autofocus="" if element.get("focus_on_load") else None,
            **self._hooks(block, element),
        )
        if element.get("multiline"):
            # a line break right after the tag is not part of the value
            return f'<textarea rows="4"{shared}>\n{html.escape(text)}</textarea>'
        return f"<input{_attributes(type=_INPUT_TYPES[element['type']], value=text)}{shared}>"

    # -- rich text

    def _rich_text(self, block: Json) -> str:
        return "".join(self._rich_part(part) for part in block["elements"])

    def _rich_part(self, part: Json) -> str:
        kind = part["type"]
        if kind == "rich_text_list":
            tag = "ol" if part["style"] == "ordered" else "ul"
            start = str(part["offset"] + 1) if part.get("offset") else None
            items = "".join(f"<li>{self._rich_inline(item)}</li>" for item in part["elements"])
            attributes = _attributes(start=start, class_=f"indent-{part.get('indent', 0)}")
            return f"<{tag}{attributes}>{items}</{tag}>"
        tag = {"rich_text_preformatted": "pre", "rich_text_quote": "blockquote"}.get(kind, "p")
        return f"<{tag}>{self._rich_inline(part)}</{tag}>"

    def _rich_inline(self, part: Json) -> str:
        return "".join(self._rich_piece(piece) for piece in part["elements"])

    def _rich_piece(self, piece: Json) -> str:
        rendered = self._bare_piece(piece)
        for style, tag in _RICH_TAGS.items():
            if piece.get("style", {}).get(style):
                rendered = f"<{tag}>{rendered}</{tag}>"
        return rendered

    def _bare_piece(self, piece: Json) -> str:
        match piece["type"]:
            case "link":
                return mrkdwn.link(piece["url"], _verbatim(piece.get("text") or piece["url"]))
            case "emoji":
                return mrkdwn.emoji_of(piece["name"])
            case "user":
                return mrkdwn.mention(f"@{self._names.users.get(piece['user_id'], piece['user_id'])}")
            case "channel":
                name = self._names.channels.get(piece["channel_id"], piece["channel_id"])
                return mrkdwn.mention(f"#{name}")
            case "usergroup":
                name = self._names.user_groups.get(piece["usergroup_id"], piece["usergroup_id"])
                return mrkdwn.mention(f"@{name}")
            case "broadcast":
                return mrkdwn.mention(f"@{piece['range']}")
            case "date":
                fallback = piece.get("fallback", "")
                return mrkdwn.date(piece["timestamp"], piece["format"], piece.get("url"), fallback)
            case _:
                return _verbatim(piece["text"])


def _verbatim(text: str) -> str:
    """Rich text has no markup and no entities of its own."""
    return html.escape(text).replace("\n", "<br>")


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
