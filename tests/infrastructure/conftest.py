"""The templates that these tests ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import app
from stacks import lambda_asset
from stacks.settings import Settings
from stacks.settings_file import EXAMPLE
from stacks.strict_yaml import parse
from tests.assemblies import made_once
from tests.infrastructure.template import Template

ROOT = Path(__file__).resolve().parents[2]
GOV_KEY_ARN = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ELSEWHERE: dict[str, Any] = {
    "regions": ["us-gov-west-1", "cn-north-1"],
    "kmsKeyArns": {"us-gov-west-1": GOV_KEY_ARN},
    "encryptedBy": "customer-managed",
    "requiredSurfaces": ["instance-volume", "data-capture"],
    "namePrefix": "Clinical",
    "alarmEmails": ["oncall@example.com"],
    "permissionsBoundary": "developer-boundary",
    "tags": {"cost-center": "ml platform"},
    "functionArchitecture": "x86_64",
}


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """The CDK context as cdk.json has it."""
    return json.loads((ROOT / "cdk.json").read_text())["context"]


@pytest.fixture(scope="session")
def example() -> dict[str, Any]:
    """The settings of the example."""
    return parse((ROOT / EXAMPLE).read_text())


def home_template(folder: Path) -> Template:
    return Template(folder / "Sealpoint-us-east-1.template.json", "us-east-1")


@pytest.fixture(scope="session")
def template(assembly: Path) -> Template:
    return home_template(assembly)


@pytest.fixture(scope="session")
def asset(assembly: Path) -> Path:
    """The one Lambda asset."""
    (folder,) = assembly.glob("asset.*")
    return folder


def gov_template(folder: Path) -> Template:
    return Template(folder / "Clinical-us-gov-west-1.template.json", "us-gov-west-1", "aws-us-gov")


_BUILDS = "builds"  # a file beside the assembly: how often its asset was built


class Elsewhere:
    """Two regions, both in other partitions, one of them with the user's own key."""

    def __init__(self, folder: Path, builds: int) -> None:
        self.folder = folder
        self.builds = builds
        self.gov = gov_template(folder)
        self.china = Template(folder / "Clinical-cn-north-1.template.json", "cn-north-1", "aws-cn")


@pytest.fixture(scope="session")
def elsewhere(
    context: dict[str, Any], example: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Elsewhere:
    builds, build_asset = 0, lambda_asset.build_asset

    def counted(target: Path, *, anew: bool) -> None:
        nonlocal builds
        builds += 1
        build_asset(target, anew=anew)

    def make(folder: Path) -> None:
        settings = Settings.of({**example, **ELSEWHERE})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lambda_asset, "build_asset", counted)
            app.build(outdir=str(folder), context=context, settings=settings).synth()
        (folder / _BUILDS).write_text(str(builds))

    key = f"elsewhere {json.dumps(ELSEWHERE)}"
    folder = made_once(tmp_path_factory.mktemp("elsewhere"), key, make)
    return Elsewhere(folder, int((folder / _BUILDS).read_text()))


@pytest.fixture(scope="session")
def template_with(
    context: dict[str, Any], example: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Template]:
    """The template of us-east-1 with some settings changed, and with other code, as of another version."""

    def other_code(target: Path, *, anew: bool) -> None:
        del anew
        (target / "other.py").write_text("")

    def synthesize(**changes: Any) -> Template:
        def make(folder: Path) -> None:
            settings = Settings.of({**example, **changes})
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(lambda_asset, "build_asset", other_code)
                app.build(outdir=str(folder), context=context, settings=settings).synth()

        key = f"other code {json.dumps(changes, sort_keys=True)}"
        folder = made_once(tmp_path_factory.mktemp("changed"), key, make)
        return Template(folder / "Sealpoint-us-east-1.template.json", "us-east-1")

    return synthesize
