"""docs/settings.md's tables, the JSON schema beside it and sealpoint.example.yaml, made from the settings."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacks.settings import DEFAULTS, json_schema
from stacks.settings_decisions import SAMPLE_APPROVERS, SAMPLE_CHANNEL
from stacks.settings_file import EXAMPLE
from stacks.settings_problems import allowed

ROOT = Path(__file__).resolve().parents[2]
PAGE, SCHEMA = ROOT / "docs/settings.md", ROOT / "docs/settings.schema.json"
EXAMPLE_FILE = ROOT / EXAMPLE
# What has no default, and an example of each.
GIVEN: Mapping[str, Any] = {
    "regions": ["us-east-1"], "slackChannel": SAMPLE_CHANNEL, "approvers": SAMPLE_APPROVERS
}  # fmt: skip
_BREAK = "<br>"
_HEAD = """\
# yaml-language-server: $schema=docs/settings.schema.json
# $schema: docs/settings.schema.json

# The settings of Sealpoint, for `make deploy`. `sealpoint settings` checks them.
# regions, slackChannel and approvers have to be given. Every other line shows a default: to change it,
# remove the # in front of its name.
"""
# What a route says of itself; the rest it takes from the settings.
OF_A_ROUTE = ("name", "accounts", "regions", "tags")


def schema_file() -> str:
    """The schema of a sealpoint.yaml, in the draft that editors know."""
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **json_schema()}
    schema["definitions"] = schema.pop("$defs")
    return json.dumps(schema, indent=2, ensure_ascii=False).replace("#/$defs/", "#/definitions/") + "\n"


def example_file() -> str:
    """The settings, each with what it is; those with a default are commented out."""
    settings = [
        f"{_comment(_description(field))}\n{'' if key in GIVEN else '#'}{key}: {_value(key)}\n"
        for key, field in json_schema()["properties"].items()
    ]
    return "\n".join((_HEAD, *settings))


def _comment(markdown: str) -> str:
    text = re.sub(r"\[(.+?)\]\(#(\w+)\)", r"\1 in docs/settings.md", markdown)
    text = re.sub(r"\[(.+?)\]\((.+?)\)", r"\1 (\2)", text).replace("`", "")
    wrap = textwrap.TextWrapper(100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    return "\n".join(line for part in text.split(_BREAK) for line in wrap.wrap(part))


def _value(key: str) -> str:
    return json.dumps({**DEFAULTS, **GIVEN}[key])


def written(page: str) -> str:
    """The page with its tables as they are now."""
    schema = json_schema()
    route = schema["$defs"]["Route"]["properties"]
    page = _between(page, "settings", "\n".join(_settings(schema["properties"])))
    return _between(page, "route", "\n".join(_route({key: route[key] for key in OF_A_ROUTE})))


def _between(page: str, name: str, table: str) -> str:
    before, _, rest = page.partition(f"<!-- {name} -->\n")
    after = rest.partition(f"<!-- /{name} -->")[2]
    return f"{before}<!-- {name} -->\n\n{table}\n\n<!-- /{name} -->{after}"


def _settings(fields: Mapping[str, Any]) -> Iterator[str]:
    yield "| setting | default | what it is |"
    yield "|---|---|---|"
    for key, field in fields.items():
        default = "has to be given" if key in GIVEN else f"`{_value(key)}`"
        yield f"| `{key}` | {default} | {_description(field)} |"


def _route(fields: Mapping[str, Any]) -> Iterator[str]:
    yield "| member | what it is |"
    yield "|---|---|"
    for key, field in fields.items():
        yield f"| `{key}` | {_description(field)} |"


def _description(field: Mapping[str, Any]) -> str:
    if field.get("type") == "boolean":
        return field["description"]
    return f"{field['description']}{_BREAK}Allowed: {allowed(field)}."


def main() -> None:
    PAGE.write_text(written(PAGE.read_text()))
    SCHEMA.write_text(schema_file())
    EXAMPLE_FILE.write_text(example_file())


if __name__ == "__main__":
    main()
