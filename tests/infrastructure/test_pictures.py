from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

from docs.architecture import PICTURE, draw
from lambdas.domain.vocabulary import Outcome
from tests.infrastructure.conftest import ROOT
from tests.infrastructure.template import Template

_TEXT = "{http://www.w3.org/2000/svg}text"
# ways beside the main one, which the flow's picture leaves out
_BESIDE_THE_FLOW = {"RemindOrExpire", "DeleteUnusedTwin"}


# -- docs/architecture.svg, which is generated


def test_the_architecture_picture_is_what_the_template_says(assembly: Path) -> None:
    assert draw(assembly) == PICTURE.read_text(), (
        "docs/architecture.svg is not what the template says any more: run `make docs`, and commit it."
    )


def test_nothing_of_one_machine_or_one_settings_file_is_in_it(template: Template) -> None:
    picture = PICTURE.read_text()
    assert [name for name in template.body["Resources"] if name in picture] == []  # they end with a hash
    assert re.findall(r"[0-9a-f]{32}|us-east-1|\d{12}", picture) == []


def test_it_shows_every_function_machine_and_route_and_what_starts_them(template: Template) -> None:
    shown = _texts(PICTURE)
    machines = [m["Properties"] for m in template.resources("AWS::StepFunctions::StateMachine").values()]
    assert {m["StateMachineName"].removeprefix("Sealpoint-us-east-1-") for m in machines} <= shown
    assert {_camel(handler) for handler in template.functions()} <= shown
    routes = template.resources("AWS::ApiGatewayV2::Route").values()
    assert {route["Properties"]["RouteKey"] for route in routes} <= shown
    assert {"EndpointChanged", "EndpointChangedByService", "ExecutionEndedUnclosed"} <= shown
    assert "ops backout" in shown


def test_one_more_permission_is_one_more_dot(assembly: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(assembly, tmp_path / "cdk.out", ignore=shutil.ignore_patterns("asset.*")))
    path = copy / "Sealpoint-us-east-1.template.json"
    body = json.loads(path.read_text())
    (policy,) = [
        r for name, r in body["Resources"].items() if name.startswith("FunctionsPollEndpointRoleDef")
    ]
    policy["Properties"]["PolicyDocument"]["Statement"].append(
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    )
    path.write_text(json.dumps(body))
    before, after = PICTURE.read_text(), draw(copy)
    # PollEndpoint is a step of two machines
    assert after.count('class="dot"') == before.count('class="dot"') + 2
    assert "<title>s3: PutObject</title>" in after


# -- docs/flow.svg, which is drawn by hand


def test_the_flow_shows_states_that_there_are_and_the_whole_main_path(template: Template) -> None:
    machines = ("remediation", "backout", "retirement", "sweep", "digest")
    there_are = {name for machine in machines for name in template.definition(machine)["States"]}
    shown = {words.removesuffix(" ⟲") for words in _texts(ROOT / "docs/flow.svg")}
    named = {words for words in shown if re.fullmatch(r"([A-Z][a-z]+){2,}", words)}
    assert named <= there_are
    states = template.definition()["States"]
    steps = {name for name, state in states.items() if state["Type"] == "Task"}
    assert steps - _BESIDE_THE_FLOW <= named, "docs/flow.svg lacks a step: draw it"


def test_the_flow_names_every_outcome_of_a_remediation() -> None:
    shown = [words.split(" · ") for words in _texts(ROOT / "docs/flow.svg")]
    named = {word for words in shown for word in words if re.fullmatch(r"[A-Z]{3,}(_[A-Z]+)*", word)}
    assert named == set(Outcome) - {Outcome.BACKED_OUT}  # that is a backout's


def _texts(picture: Path) -> set[str]:
    return {element.text or "" for element in ET.parse(picture).iter(_TEXT)}  # noqa: S314  # our own file


def _camel(handler: str) -> str:
    return "".join(word.title() for word in handler.split("_"))
