from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import synthesized
from tests.infrastructure.conftest import ELSEWHERE
from tests.security.conftest import run


def findings(folder: Path) -> set[tuple[str, str]]:
    """The rules that a folder's templates don't follow, each with its resource's logical id."""
    finished = run(
        "checkov", "--directory", str(folder), "--framework", "cloudformation", "--output", "json",
        "--skip-download", "--quiet", "--compact",
    )  # fmt: skip
    report = json.loads(finished.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["resource_count"] > 100
    return {
        (check["check_id"], check["resource"].partition(".")[2])
        for check in report["results"]["failed_checks"]
    }


def acknowledged(template: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (skip["id"], logical_id)
        for logical_id, resource in template["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }


@pytest.fixture
def template(assembly: Path) -> dict[str, Any]:
    return json.loads((assembly / "Sealpoint-us-east-1.template.json").read_text())


def test_checkov_finds_what_has_a_reason_and_nothing_else(template: dict[str, Any], tmp_path: Path) -> None:
    expected = acknowledged(template)
    for resource in template["Resources"].values():
        resource.get("Metadata", {}).pop("checkov", None)
    (tmp_path / "bare.template.json").write_text(json.dumps(template))
    assert findings(tmp_path) == expected


def test_checkov_is_content_with_the_templates_as_they_are(assembly: Path, tmp_path: Path) -> None:
    """Also with other settings, in other partitions, and with a key of the user's own."""
    elsewhere = synthesized(tmp_path / "elsewhere", **ELSEWHERE)
    # without the assets: the packages in them are not ours to scan here
    scanned = tmp_path / "scanned"
    scanned.mkdir()
    for source in (*assembly.glob("*.template.json"), *elsewhere.glob("*.template.json")):
        (scanned / source.name).write_text(source.read_text())
    assert len([*scanned.iterdir()]) == 3
    assert findings(scanned) == set()
