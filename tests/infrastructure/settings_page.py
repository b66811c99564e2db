"""docs/settings.md's tables, and the JSON schema beside it, made from the settings as the code has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacks.settings import json_schema
from stacks.settings_problems import allowed

ROOT = Path(__file__).resolve().parents[2]
PAGE, SCHEMA = ROOT / "docs/settings.md", ROOT / "docs/settings.schema.json"
# What a route says of itself; the rest it takes from the settings.
OF_A_ROUTE = ("name", "accounts", "regions", "tags")


def schema_file() -> str:
    """The schema of a cdk.json; whatever is not a setting of Sealpoint is CDK's affair."""
    settings = json_schema()
    of_context = {
        "type": "object",
        "required": ["sealpoint"],
        "properties": {"sealpoint": {key: value for key, value in settings.items() if key != "$defs"}},
    }
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"context": of_context},
        "definitions": settings["$defs"],
    }
    return json.dumps(schema, indent=2, ensure_ascii=False).replace("#/$defs/", "#/definitions/") + "\n"


def written(page: str, shown: Mapping[str, Any]) -> str:
    """The page with its tables as they are now; `shown` are cdk.json's settings."""
    schema = json_schema()
    route = schema["$defs"]["Route"]["properties"]
    page = _between(page, "settings", "\n".join(_settings(schema["properties"], shown)))
    return _between(page, "route", "\n".join(_route({key: route[key] for key in OF_A_ROUTE})))


def _between(page: str, name: str, table: str) -> str:
    before, _, rest = page.partition(f"<!-- {name} -->\n")
    after = rest.partition(f"<!-- /{name} -->")[2]
    return f"{before}<!-- {name} -->\n\n{table}\n\n<!-- /{name} -->{after}"


def _settings(fields: Mapping[str, Any], shown: Mapping[str, Any]) -> Iterator[str]:
    yield "| setting | default | what it is |"
    yield "|---|---|---|"
    for key, field in fields.items():
        yield f"| `{key}` | `{json.dumps(shown[key])}` | {_description(field)} |"


def _route(fields: Mapping[str, Any]) -> Iterator[str]:
    yield "| member | what it is |"
    yield "|---|---|"
    for key, field in fields.items():
        yield f"| `{key}` | {_description(field)} |"


def _description(field: Mapping[str, Any]) -> str:
    if field.get("type") == "boolean":
        return field["description"]
    return f"{field['description']}<br>Allowed: {allowed(field)}."


def main() -> None:
    shown = json.loads((ROOT / "cdk.json").read_text())["context"]["sealpoint"]
    PAGE.write_text(written(PAGE.read_text(), shown))
    SCHEMA.write_text(schema_file())


if __name__ == "__main__":
    main()
